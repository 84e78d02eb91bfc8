"""What is over and still stands in the configuration is worth a note, and no mistake."""

from zoneinfo import ZoneInfo

from alerting.commands.local_time import moment
from config.settings import Settings
from streams.check.past import check_past

NOW = moment("2026-11-27T12:00", ZoneInfo("UTC"))


def told(start: str, end: str, every: str | None = None) -> list[str]:
    window = {"start": start, "end": end}
    settings = Settings.model_validate(
        {
            "notify": {
                "silences": [{"match": {"services": ["shop"]}, "until": end, "why": "moved"}],
                "maintenance": [{"name": "reindex", "every": every, **window}],
            },
            "calendar": {"planned": [{"name": "Sale", "factor": 2.0, **window}]},
        }
    )
    found = list(check_past(settings, NOW))
    assert all(one.ok is None for one in found), "worth knowing, not wrong"
    return [one.text for one in found]


def test_what_is_over_is_told_with_its_place_and_end() -> None:
    assert told("2026-11-27T11:00", "2026-11-27T11:59") == [
        "notify.silences.0 (moved) ended on 2026-11-27 11:59 UTC: it does nothing any more",
        "notify.maintenance.0 (reindex) ended on 2026-11-27 11:59 UTC: it does nothing any more",
        "calendar.planned.0 (Sale) ended on 2026-11-27 11:59 UTC: it does nothing any more",
    ]


def test_what_goes_on_or_comes_again_is_not_told() -> None:
    assert told("2026-11-27T11:00", "2026-11-27T12:01") == []
    assert not [text for text in told("2026-11-01T11:00", "2026-11-01T12:00", "day") if "reindex" in text]


def test_a_window_that_ends_with_a_date_holds_that_day_and_a_silence_until_a_date_does_not() -> None:
    [silence] = told("2026-11-26", "2026-11-27")
    assert silence == "notify.silences.0 (moved) ended on 2026-11-27 00:00 UTC: it does nothing any more"
