"""A history in a bucket: whole files, read as on a disk, and one clear line while it is out of reach."""

import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import structlog

from config.settings import Settings
from streams.cli.check.settings_checks import CheckResult, check_history
from streams.process.metrics import Metrics
from streams.record.history.history_files import MINUTES, TENS, HistoryFile, HistoryFolder
from streams.record.history.history_keeper import DAY, HistoryBounds, HistoryKeeper
from streams.record.history.history_reader import HistoryReader
from streams.record.history.history_writer import HistoryWriter
from streams.record.history.segments import HOUR, Segments
from tests.streams.ingest.limits.aws_standin import no_other_aws
from tests.streams.record.history.backend import START, Backend, requests
from tests.streams.record.history.rows import plain
from tests.streams.record.history.s3_standin import REGION, S3Standin

PLENTY = HistoryBounds(35, 400, 1 << 40)
HOURS = 3


@pytest.fixture(scope="module", autouse=True)
def _no_other_aws() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        no_other_aws(patch)
        yield


@pytest.fixture(scope="module")
def s3(_no_other_aws: None) -> Iterator[S3Standin]:
    standin = S3Standin()
    yield standin
    standin.stop()


@pytest.fixture(scope="module")
def records() -> list[bytes]:
    return Backend().feed(requests(60 * HOURS + 5))


def held(records: Sequence[bytes]) -> Segments:
    segments = Segments(1)
    segments.feed(records)
    return segments


def minutes(place: str) -> list[tuple[Any, ...]]:
    return plain(HistoryReader(HistoryFolder(place)).rows(MINUTES, 0, 1 << 40))


@pytest.fixture(scope="module")
def expected(records: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, ...]]:
    place = tmp_path_factory.mktemp("history")
    keeper = HistoryKeeper(HistoryFolder(str(place)), PLENTY)
    for segment in held(records).complete():
        keeper.write(segment)
    return minutes(str(place))


def writer(segments: Segments, place: str) -> HistoryWriter:
    return HistoryWriter(segments, place, PLENTY, Metrics(), lambda: None)


def test_a_history_in_a_bucket_is_that_on_a_disk(
    s3: S3Standin, records: list[bytes], expected: list[tuple[Any, ...]]
) -> None:
    place = s3.create("whole")
    keeper = HistoryKeeper(HistoryFolder(place), PLENTY)
    for segment in held(records).complete():
        assert keeper.write(segment).size > 0
    assert minutes(place) == expected
    again = HistoryKeeper(HistoryFolder(place), PLENTY)  # as after a restart
    again.tidy(START + DAY)
    assert [file[:3] for file in again.folder.files()] == [
        (MINUTES, START, START + DAY),
        (TENS, START, START + DAY),
    ]
    assert minutes(place) == expected
    gone = HistoryKeeper(HistoryFolder(place), HistoryBounds(35, 400, 1)).tidy(START + DAY)
    assert len(gone.files) == 2
    assert again.folder.files() == []


def test_a_file_that_is_not_written_to_its_end_does_not_appear(s3: S3Standin) -> None:
    folder = HistoryFolder(s3.create("part"))

    def half(into: Any) -> None:
        into.write(b"PAR1")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        folder.write(HistoryFile(MINUTES, START, START + HOUR).path, half)
    assert folder.files() == []


def test_a_reader_goes_on_when_what_it_was_to_read_is_merged_meanwhile(
    tmp_path: Path, records: list[bytes], expected: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = HistoryFolder(str(tmp_path))
    keeper = HistoryKeeper(folder, PLENTY)
    for segment in held(records).complete():
        keeper.write(segment)
    reader = HistoryReader(HistoryFolder(str(tmp_path)))
    files, merged = HistoryFolder.files, list[bool]()

    def then_merged(self: HistoryFolder) -> list[HistoryFile]:
        found = files(self)
        if not merged:
            merged.append(True)
            keeper.tidy(START + DAY)
        return found

    monkeypatch.setattr(HistoryFolder, "files", then_merged)
    assert plain(reader.rows(MINUTES, 0, 1 << 40)) == expected
    assert merged


async def test_a_server_that_goes_away_delays_what_is_written_and_loses_nothing(
    s3: S3Standin, records: list[bytes], expected: list[tuple[Any, ...]]
) -> None:
    place = s3.create("away")
    segments = held(records[:70])
    writing = writer(segments, place)
    assert await writing.advance()
    segments.feed(records[70:])
    s3.stop()
    try:
        with structlog.testing.capture_logs() as logs:
            assert not await writing.advance()
    finally:
        s3.start()
    trouble = str(writing.status()["history_trouble"])
    assert trouble.startswith("the endpoint of bucket away cannot be reached (Failed to connect to 127.0.0.1")
    assert trouble.endswith("; check the network and endpoint_override")
    assert [(log["event"], log["reason"]) for log in logs] == [
        ("the history cannot be written; it is held, and tried again", trouble)
    ]
    assert len(segments.complete()) == HOURS - 1
    assert await writing.advance()
    assert "history_trouble" not in writing.status()
    assert writing.status()["history_until"] == START + HOURS * HOUR
    assert minutes(place) == expected


class _YesToAll(BaseHTTPRequestHandler):
    """What stands before a bucket signs people in: it answers everything with a page."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"<p/>")

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _answer  # noqa: N815 - names of HTTP

    def log_message(self, *_: object) -> None:
        """Log nothing."""


async def test_a_page_in_the_place_of_a_bucket_keeps_no_step(records: list[bytes]) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _YesToAll) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        segments = held(records)
        address = f"127.0.0.1:{server.server_port}"
        writing = writer(segments, f"s3://page/h?endpoint_override={address}&scheme=http&region={REGION}")
        try:
            assert not await writing.advance()
        finally:
            server.shutdown()
            thread.join()
    assert str(writing.trouble).endswith("what answers is no bucket; check the network and endpoint_override")
    assert len(segments.complete()) == HOURS


async def test_refused_keys_and_a_missing_bucket_are_shown_with_the_remedy_and_retried(
    s3: S3Standin, records: list[bytes], expected: list[tuple[Any, ...]]
) -> None:
    segments = held(records)
    writing = writer(segments, s3.place("later"))
    assert not await writing.advance()
    assert writing.trouble == "there is no bucket later; create it, or correct history.place"
    place = s3.create("later")
    s3.refuse(keys=True)
    try:
        assert not await writing.advance()
    finally:
        s3.refuse(keys=False)
    assert writing.trouble == (
        "access to bucket later was denied (ACCESS_DENIED); check the credentials, and that they may list "
        "the bucket, and get, put and delete its objects"
    )
    assert len(segments.complete()) == HOURS
    assert await writing.advance()
    assert minutes(place) == expected


def checked(**history: Any) -> list[CheckResult]:
    return list(check_history(Settings.model_validate({"history": history})))


def test_a_check_writes_into_the_place_of_the_history_and_leaves_nothing_there(
    s3: S3Standin, tmp_path: Path
) -> None:
    for place in (s3.create("checked"), str(tmp_path / "history")):
        assert checked(place=place) == [CheckResult(True, f"history: {place} can be written")]
        assert HistoryFolder(place).files() == []
        assert not HistoryFolder(place).has("probe.parquet")
    assert checked() == checked(keep=False, place="s3://nowhere/history") == []


def test_a_check_says_why_the_place_cannot_be_written(s3: S3Standin, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    remedies = {
        s3.place("nobody"): "there is no bucket nobody; create it",
        "ftp://acme/history": "history.place is not understood: ",
        str(tmp_path / "file" / "history"): "Not a directory",
        str(tmp_path / "disk" / "history"): f"the folder {tmp_path / 'disk'} is missing; create it, or mount",
    }
    for place, remedy in remedies.items():
        [one] = checked(place=place)
        assert one.ok is False
        assert one.text.startswith(f"history: {place} cannot be written: ")
        assert remedy in one.text
        assert "\n" not in one.text
