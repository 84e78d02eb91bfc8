"""The demo, until there is something to look at."""

import time
from pathlib import Path

import pytest

from streams.offline.simulate.demo import counting_seconds, has_display

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize(
    ("environment", "on_terminal", "platform", "opens"),
    [
        ({"DISPLAY": ":0"}, True, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True, "linux", True),
        ({}, True, "linux", False),
        ({"DISPLAY": ":0"}, False, "linux", False),
        ({"DISPLAY": ":0", "CI": "true"}, True, "linux", False),
        ({}, True, "darwin", True),
        ({"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, True, "darwin", False),
        ({"CI": "1"}, True, "darwin", False),
    ],
)
def test_a_browser_opens_only_before_the_eyes_of_a_person(
    environment: dict[str, str], on_terminal: bool, platform: str, opens: bool
) -> None:
    assert has_display(environment, on_terminal=on_terminal, platform=platform) is opens


def test_who_waits_reads_that_it_goes_on_and_nothing_once_it_is_ready() -> None:
    said: list[str] = []
    with counting_seconds(said.append, every=0.001):
        while len(said) < 2:
            time.sleep(0.001)
    assert said[0] == "Still preparing, 0 s"
    count = len(said)
    time.sleep(0.01)
    assert len(said) == count


def test_a_look_at_the_demo_installs_no_tools_of_developers() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = makefile.partition("\n$(PRODUCT):")[2].partition("\n\n")[0]
    assert "--constraint" in recipe
    assert "-r requirements.lock" not in recipe
