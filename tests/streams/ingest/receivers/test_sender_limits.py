"""Whose bad records are kept as dead letters, over real receivers and beside the limit of other sources."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter
from structlog.testing import capture_logs

from config.settings import DeadLetterSettings, Settings
from streams.drivers.local.log_intake import LogIntake
from streams.drivers.local.sqlite_store import SqliteStore
from streams.engine.decode.rejected import Rejected, RejectReason
from streams.engine.stages.dead_letter_limit import DeadLetterLimit
from streams.ingest.receivers import sender_limits
from streams.ingest.receivers.sender_limits import SenderLimits
from streams.process.web.request_body import BodyError
from tests.streams.ingest.receivers.conftest import Serve, Serving

LOUD, QUIET = "loud_0123456789abcdefghi", "quiet_0123456789abcdefgh"
TOKENS = {"UNERI_INTAKE_TOKEN": f"{LOUD},{QUIET}"}
STRICT = Settings(dead_letters=DeadLetterSettings(in_a_row=5))


def good(number: int = 0) -> bytes:
    return b'{"ts": %d, "service": "shop"}' % (1_760_000_000 + number)


def bad(*places: int) -> list[Rejected]:
    return [Rejected(RejectReason.NOT_JSON, place, "expected `{`", b"nope") for place in places]


async def post(daemon: Serving, token: str, lines: Iterable[bytes]) -> tuple[int, dict[str, Any]]:
    async with daemon.http.post(
        f"{daemon.url}/events", data=b"\n".join(lines), headers={"Authorization": f"Bearer {token}"}
    ) as answer:
        return answer.status, await answer.json()


async def test_a_sender_of_garbage_costs_no_other_sender_a_record(serve: Serve) -> None:
    """One good and nine bad lines a body; beside it, 199 good ones and one that is cut."""
    async with serve(environment=TOKENS) as daemon:
        for number in range(20):
            status, answer = await post(daemon, LOUD, [good(), *[b"nope"] * 9])
            assert (status, answer["accepted"]) == (202, 1), "nor itself a good one"
            assert [refused["line"] for refused in answer["refused"]] == list(range(2, 11))
            quiet = [*map(good, range(199)), b'{"ts": 17']
            status, answer = await post(daemon, QUIET, quiet)
            assert (status, answer["accepted"]) == (202, 199), number
            assert [(refused["line"], refused["reason"]) for refused in answer["refused"]] == [
                (200, "not_json")
            ]
        stored = daemon.store.read(0).records
    assert sum(line.startswith(b'{"ts": 1760') for line in stored) == 20 * (1 + 199)
    assert stored.count(b'{"ts": 17') == 20, "it is within its own limit"
    assert stored.count(b"nope") == 100, "a tenth of a thousand"
    assert daemon.counted("uneri_dropped_dead_letters_total", "sender") == 20 * 9 - 100


async def test_without_tokens_a_sender_is_its_address(store: SqliteStore) -> None:
    sink = LogIntake(store, STRICT)
    for _ in range(2):
        await sink.append([good(), *[b"nope"] * 9], sender="10.0.0.1")
        await sink.append([good(), *[b"oops"] * 5], sender="10.0.0.2")
    stored = store.read(0).records
    assert (stored.count(b"nope"), stored.count(b"oops"), stored.count(good())) == (10, 10, 4)


async def test_garbage_alone_is_refused_and_counts_for_nothing(serve: Serve) -> None:
    async with serve(STRICT, TOKENS) as daemon:
        for _ in range(5):
            assert (await post(daemon, LOUD, [b"nope"] * 9))[0] == 400
        assert daemon.store.end == 0
        await post(daemon, LOUD, [good(), *[b"nope"] * 5])
        assert daemon.store.end == 6


async def test_records_ahead_of_their_arrival_fill_no_disk_either(store: SqliteStore) -> None:
    now = 1_760_000_000.0
    ahead = good(100 * 86_400)
    sink = LogIntake(store, Settings(), lambda: now)
    with pytest.raises(BodyError, match="clock"):  # it may be this host that is behind
        await sink.append([good(), *[ahead] * 4000], sender="10.0.0.1")
    for sender in ("10.0.0.2", "10.0.0.3"):
        await sink.append([good()], sender=sender)
    for _ in range(3):
        appended = await sink.append([good(), *[ahead] * 4000], sender="10.0.0.1")
        assert len(appended.rejected) == 4000
        await sink.append([ahead] * 4000, sender="10.0.0.1", waits=False)
    assert store.end == 2 + 3 + 100


async def test_senders_do_not_count_towards_the_limit_of_a_followed_file(store: SqliteStore) -> None:
    intake = LogIntake(store, STRICT)
    await intake.append_read([b"nope"] * 5)
    await intake.append([b"oops"] * 9, sender="10.0.0.1", waits=False)
    await intake.append_read([good(), b"nope"])
    assert store.read(0).records == [*[b"nope"] * 5, *[b"oops"] * 5, good(), b"nope"]


async def test_bad_records_that_nobody_keeps_are_logged_once_with_their_sender(store: SqliteStore) -> None:
    sink = LogIntake(store, STRICT)
    with capture_logs() as logs:
        for _ in range(3):
            await sink.append([good(), *[b"nope"] * 9], sender="shipper of eu-1")
    (line,) = logs
    assert (line["sender"], line["records"], line["reason"]) == ("shipper of eu-1", 4, "not_json")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.booleans(), max_size=400), max_size=12), st.sampled_from([1, 3, 50]))
def test_what_is_kept_of_a_sender_stays_within_the_limit_of_other_sources(
    requests: list[list[bool]], in_a_row: int
) -> None:
    given = DeadLetterSettings(in_a_row=in_a_row, share=0.02)
    limits, kept_in = SenderLimits(given), DeadLetterLimit(given)
    for request in requests:
        found = bad(*(place for place, is_bad in enumerate(request) if is_bad))
        beyond = limits.beyond("a", len(request), found)
        assert set(beyond) <= {record.index for record in found}
        kept = [is_bad for place, is_bad in enumerate(request) if place not in beyond]
        assert kept_in.feed(len(kept), bad(*(place for place, is_bad in enumerate(kept) if is_bad))) is None


@pytest.mark.parametrize("cut", [1, 2, 7, 60])
def test_how_many_are_kept_does_not_depend_on_the_requests(cut: int) -> None:
    limits = SenderLimits(DeadLetterSettings(in_a_row=5, share=0.02))
    outcomes = [place % 4 != 0 for place in range(240)]
    kept = 0
    for first in range(0, 240, cut):
        request = outcomes[first : first + cut]
        found = bad(*(place for place, is_bad in enumerate(request) if is_bad))
        kept += len(found) - len(limits.beyond("a", len(request), found))
    assert kept == 20


def test_no_number_of_senders_takes_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_limits, "MOST_SENDERS", 3)
    limits = SenderLimits(DeadLetterSettings(in_a_row=1))
    for number in range(100):
        limits.beyond(f"10.0.0.{number}", 1, bad(0))
    assert len(limits._senders) == 3


def test_all_are_kept_when_the_limit_is_off() -> None:
    counter = Counter("dropped", "", ["reason"], registry=CollectorRegistry())
    limits = SenderLimits(DeadLetterSettings(stop=False), counter)
    assert not limits.beyond("a", 1000, bad(*range(1000)))
