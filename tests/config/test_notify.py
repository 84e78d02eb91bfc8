"""Contradictions in the notify section are refused at their place, before an incident shows them."""

from pathlib import Path

import pytest

from config.load import ConfigError, load_settings
from config.settings import MEASURES
from detectors.model.measures import Measure

SILENCE = "until: 2026-12-01, why: moved}]}"


def refusal(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_settings(Path("uneri.yaml"), text)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        (
            f"notify: {{silences: [{{match: {{}}, {SILENCE}",
            "1:29",
            "has no condition and would silence every",
        ),
        (f"notify: {{silences: [{{match: {{measures: [wcuu]}}, {SILENCE}", "1:41", "did you mean 'wcu'?"),
        (
            'notify: {quiet_hours: [{start: "22:00", end: "22:00"}]}',
            "1:46",
            "quiet hours never end; write another",
        ),
        (
            "notify: {maintenance: [{name: x, start: 2026-11-01, end: 2026-11-01, every: day}]}",
            "1:77",
            "repeats before it has ended",
        ),
        (
            "notify: {maintenance: [{name: x, start: 2026-11-01, end: 2026-11-08T01:00, every: week}]}",
            "1:83",
            "repeats before it has ended",
        ),
        (
            'notify: {routes: [{to: ["#a"]}, {match: {services: [x]}, to: ["#b"]}]}',
            "1:33",
            "is never reached: notify.routes.0 matches everything",
        ),
        (
            'notify: {routes: [{match: {accounts: ["*"]}, to: ["#a"]}, {to: ["#b"]}]}',
            "1:59",
            "is never reached: notify.routes.0 matches everything",
        ),
        ('notify: {routes: [{to: ["#a", "slack:#a"]}]}', "1:31", "listed twice; remove one"),
        ('notify:\n  routes:\n    - to: ["webhook:nope"]', "3:12", "not configured; configured: none"),
        ("notify: {routes: [{to: [Cats]}]}", "1:25", "is 'Cats': not a valid destination; write '#channel'"),
        (
            "notify:\n  webhooks:\n    - {name: a, url: 'http://x'}\n    - {name: a, url: 'http://y'}",
            "4:14",
            "also the name of notify.webhooks.0; choose another name",
        ),
        (
            "notify: {alertmanagers: [{name: a, url: 'http://x:9093/api/v2/alerts'}]}",
            "1:41",
            "more than the base address; write http://x:9093, the rest is added",
        ),
        (
            "notify: {alertmanagers: [{name: a, url: 'http://x', labels: {bad-label: a}}]}",
            "1:62",
            "letters, digits and _, such as 'bad_label'",
        ),
        (
            "notify: {alertmanagers: [{name: a, url: 'http://x', labels: {alertname: a}}]}",
            "1:62",
            "every alert already has a label 'alertname'",
        ),
        ("slack: {channel: Cats}", "1:18", "not a Slack channel; write '#name' in quotes, or the channel id"),
        ("slack: {digest_channel: cats}", "1:25", "not a Slack channel; write '#name' in quotes"),
        (
            "slack:\n  channel: #cats\n",
            "2:11",
            'is empty; text after # is a comment: write "#cats" in quotes',
        ),
        ("notify:\n  routes:\n    - to: [#a]\n", "4:1", 'a comment unless it is in quotes: "#a"'),
        (
            'notify:\n  routes:\n    - to: ["#a", #b]\n      mention: here\n',
            "5:1",
            'a comment unless it is in quotes: "#b"',
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_at_its_place(text: str, place: str, expected: str) -> None:
    [line] = refusal(text)
    assert line.startswith(f"uneri.yaml:{place}: "), line
    assert expected in line


@pytest.mark.parametrize(
    "text",
    [
        f'notify: {{silences: [{{match: {{accounts: ["*"]}}, {SILENCE}',
        f'notify: {{silences: [{{match: {{measures: ["err*", "value:sales", latency]}}, {SILENCE}',
        'notify: {quiet_hours: [{start: "00:00", end: "00:00", days: [sat, sun]}]}',
        "notify: {maintenance: [{name: x, start: 2026-11-01T10:00, end: 2026-11-02T09:59, every: day}]}",
        "notify: {maintenance: [{name: x, start: 2026-11-01, end: 2026-11-06, every: week}]}",
        "notify: {maintenance: [{name: x, start: 2026-11-01, end: 2026-11-06}]}",
        'notify: {routes: [{match: {services: ["*"]}, to: ["#a"]}, {to: ["#a", "slack:C0123"]}]}',
        "notify: {alertmanagers: [{name: a, url: 'https://x/prefix', labels: {team: shop}}]}",
        "slack: {channel: C0123456789, digest_channel: '#日報'}",
        "slack:\n  # the team's\n  operators: []  # everybody\n",
    ],
)
def test_what_may_be_meant_is_taken(text: str) -> None:
    load_settings(None, text)


def test_all_contradictions_are_reported_at_once() -> None:
    lines = refusal('notify:\n  routes:\n    - to: ["webhook:a", "#b", "#b"]\n    - to: ["alertmanager:c"]\n')
    assert [line.split(": ")[0] for line in lines] == [
        "uneri.yaml:3:12",
        "uneri.yaml:3:31",
        "uneri.yaml:4:7",
        "uneri.yaml:4:12",
    ]


def test_the_measures_that_can_be_named_are_those_that_are_judged() -> None:
    assert set(MEASURES) == {measure.value for measure in Measure if not measure.key}
