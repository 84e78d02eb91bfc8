"""An expired part of the configuration is a note, not a problem."""

from zoneinfo import ZoneInfo

from alerting.commands.local_time import moment
from config.settings import Settings
from streams.cli.check.settings_checks import check_expired

NOW = moment("2026-11-27T12:00", ZoneInfo("UTC"))


def notes(start: str, end: str, every: str | None = None) -> list[str]:
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
    found = list(check_expired(settings, NOW))
    assert all(result.ok is None for result in found), "notes, not problems"
    return [result.text for result in found]


def test_an_expired_part_is_noted_with_its_place_and_end() -> None:
    assert notes("2026-11-27T11:00", "2026-11-27T11:59") == [
        "notify.silences.0 (moved) ended on 2026-11-27 11:59 UTC and has no effect; remove it",
        "notify.maintenance.0 (reindex) ended on 2026-11-27 11:59 UTC and has no effect; remove it",
        "calendar.planned.0 (Sale) ended on 2026-11-27 11:59 UTC and has no effect; remove it",
    ]


def test_what_goes_on_or_comes_again_is_not_notes() -> None:
    assert notes("2026-11-27T11:00", "2026-11-27T12:01") == []
    assert not [text for text in notes("2026-11-01T11:00", "2026-11-01T12:00", "day") if "reindex" in text]


def test_a_window_that_ends_with_a_date_holds_that_day_and_a_silence_until_a_date_does_not() -> None:
    [silence] = notes("2026-11-26", "2026-11-27")
    assert silence == "notify.silences.0 (moved) ended on 2026-11-27 00:00 UTC and has no effect; remove it"
