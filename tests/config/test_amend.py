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
    "braces below": "judge:\n  {persist: 1}  # ours\nslack: {channel: '#ops'}\n",
    "braces over lines": "judge: {  # ours\n  persist: 1,  # theirs\n  recover: 3\n}\n",
    "wide braces": "judge: { persist: 1 }\n",
    "empty braces": "judge: {}  # ours\n",
    "all in braces": "# ours\n{slack: {channel: '#ops'}}\n",
    "end of document": "---\n# ours\nslack:\n  channel: '#ops'\n...\n# theirs\n",
    "key with a question mark": "# ours\n? judge\n: persist: 1\n",
    "empty in braces": "{judge: , slack: {channel: '#ops'}}\n",
    "indented document": "  judge:\n      recover: 3\n  # ours\n  slack: {channel: '#ops'}\n",
    "indented, no section": "  # ours\n  slack: {channel: '#ops'}\n",
    "odd spacing": "judge  :   # ours\n   recover  :    3    # theirs\n\n\nslack : {  channel:   '#ops' }\n",
    "carriage returns": "# ours\r\njudge:\r\n  persist: 1\r\nslack: {channel: '#ops'}\r\n",
    "carriage returns, no section": "slack:\r\n  channel: '#ops'  # ours",
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
    assert "# half the pages" in written
    assert "# calmer" in written


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_all_that_was_written_is_kept(text: str) -> None:
    written = amended(text, TWO)
    assert [word for word in ("# ours", "# theirs") if word in text and word not in written] == []
    ends = {line[len(line.rstrip()) :] for line in written.splitlines(keepends=True)}
    changed = ("judge", "persist", "{slack")
    untouched = [line for line in text.splitlines() if not any(word in line for word in changed)]
    assert [line for line in untouched if line not in written.splitlines()] == []
    assert ends - {""} == {"\r\n" if "\r\n" in text else "\n"}


def test_a_setting_goes_into_the_braces_of_its_section() -> None:
    one = {"judge.sensitivity": Amendment(0.8, "calmer")}
    text = "judge: {young: 43200, persist: 1}  # bold\n"
    assert amended(text, one) == "# calmer\njudge: {sensitivity: 0.8, young: 43200, persist: 1}  # bold\n"
    floor = {
        "floors.wcu.absolute": Amendment(0.8, "calmer"),
        "floors.wcu.relative": Amendment(0.3, "as it is"),
    }
    assert (
        amended("floors: {}\n", floor)
        == "# calmer\n# as it is\nfloors: {wcu: {relative: 0.3, absolute: 0.8}}\n"
    )


def test_a_section_that_is_missing_goes_before_the_end_of_the_document() -> None:
    one = {"judge.sensitivity": Amendment(0.8, "calmer")}
    assert amended("slack:\n  channel: '#ops'\n...\n", one) == (
        "slack:\n  channel: '#ops'\n\njudge:\n  sensitivity: 0.8  # calmer\n...\n"
    )


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
