"""A configuration with settings changed: the rest stays as it was written, and it loads as it should."""

from pathlib import Path

import pytest

from config.amend import Amendment, amended, full_floor
from config.load import load_settings
from config.settings import Settings

TWO = {"judge.persist": Amendment(2, "half the pages"), "judge.sensitivity": Amendment(0.8, "calmer")}

WRITTEN = {
    "nothing": "",
    "a comment": "# ours\n",
    "block": "# ours\njudge:\n  persist: 1\nslack:\n  channel: '#ops'\n",
    "no section": "slack:\n  channel: '#ops'  # ours\n",
    "empty section": "judge:\nslack:\n  channel: '#ops'\n",
    "braces": "judge: {persist: 1, recover: 3}\nslack: {channel: '#ops'}\n",
    "comments beside": "judge:\n    recover: 3 # ours\n    persist: 1 # theirs\n",
    "no newline": "judge:\n  persist: 1",
    "quoted key": '"judge":\n  "persist": 1\n',
}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_what_is_written_loads_with_the_new_values_and_nothing_else_changed(text: str) -> None:
    before = load_settings(Path("before"), text)
    after = load_settings(Path("after"), amended(text, TWO))
    judge = before.judge.model_copy(update={"persist": 2, "sensitivity": 0.8})
    assert after == before.model_copy(update={"judge": judge})


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_every_change_has_its_reason(text: str) -> None:
    written = amended(text, TWO)
    assert "# half the pages" in written or "judge.persist 2: half the pages" in written
    assert "# calmer" in written or "judge.sensitivity 0.8: calmer" in written


def test_comments_and_order_stay() -> None:
    assert amended(WRITTEN["comments beside"], {"judge.persist": TWO["judge.persist"]}) == (
        "judge:\n    recover: 3 # ours\n    # half the pages\n    persist: 2 # theirs\n"
    )


def test_a_floor_that_is_written_first_gets_both_of_its_halves() -> None:
    amendments = full_floor(Settings(), {"floors.wcu.absolute": Amendment(0.5, "calmer")})
    after = load_settings(Path("after"), amended("", amendments))
    assert (after.floors.wcu.absolute, after.floors.wcu.relative) == (0.5, Settings().floors.wcu.relative)


def test_the_half_of_a_floor_that_is_written_already_stays_without_a_word() -> None:
    text = "floors:\n  wcu: {absolute: 0.2, relative: 0.4}\n"
    settings = load_settings(Path("before"), text)
    amendments = full_floor(settings, {"floors.wcu.absolute": Amendment(0.5, "calmer")})
    assert amended(text, amendments) == "floors:\n  # calmer\n  wcu: {absolute: 0.5, relative: 0.4}\n"
