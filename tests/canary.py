"""A check over the whole suite: the secrets of tests are canaries, and a test in which one gets out fails.

Every token, key and secret that a test gives to the code under test has ``-canary-`` and digits in it. This
plugin looks for them in what a test printed or logged (records of loggers, captured output, what ``capsys``
and ``capfd`` read), in the text of errors that ``pytest.raises`` caught, in label values of metrics, and in
the files that the test left in its ``tmp_path``. A test that leaves no files pays well under a millisecond.
"""

import base64
import logging
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest
from prometheus_client.metrics import MetricWrapperBase

CANARY: Final = re.compile(r"-canary-[0-9]{8,}|canary-ticket-|d2ViaG9vay1jYW5hcnkt")
"""The last is the beginning of such a secret in base64, as webhooks have theirs."""

PARTS: Final = (b"-canary-", b"canary-ticket-", b"d2ViaG9vay1jYW5hcnkt")
"""What every canary has: found in a tenth of the time that the expression takes for a gigabyte of files."""

LARGEST: Final = 64 << 20  # bytes of a file that are looked at

_found: list[str] = []  # where canaries got out in the test that runs


def check_text(where: str, text: object) -> None:
    """Note it when a text, or what an object shows as, holds a canary."""
    shown = (
        text
        if isinstance(text, str)
        else text.decode("utf-8", "replace")
        if isinstance(text, bytes)
        else str(text)
    )
    if (found := CANARY.search(shown)) is not None:
        around = CANARY.sub("<secret>", shown[max(0, found.start() - 80) : found.end() + 40])
        _found.append(f"{where}: …{around}…")


def look_into(folder: Path) -> None:
    """Look into all files below a folder."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and 0 < path.stat().st_size <= LARGEST:
            body = path.read_bytes()
            if any(part in body for part in PARTS):
                check_text(f"file {path.name}", body.decode("latin-1"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    for name, text in report.sections:
        if name.endswith(report.when):  # those of earlier phases were looked at
            check_text(name, text)
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if report.when == "teardown" and isinstance(folder, Path) and folder.is_dir():
        look_into(folder)
    if _found and report.outcome != "failed":
        report.outcome = "failed"
        report.longrepr = "a secret got out:\n" + "\n".join(dict.fromkeys(_found))
        report.sections = [(name, CANARY.sub("<secret>", text)) for name, text in report.sections]
    _found.clear()
    return report


@pytest.fixture(scope="session", autouse=True)
def _canaries() -> Generator[None, None, None]:
    """Look wherever text leaves the code under test."""
    patch = pytest.MonkeyPatch()
    make = logging.getLogRecordFactory()
    read, fill, labels = (
        pytest.CaptureFixture.readouterr,
        pytest.ExceptionInfo.fill_unfilled,
        MetricWrapperBase.labels,
    )

    def record(*arguments: Any, **more: Any) -> logging.LogRecord:
        made = make(*arguments, **more)
        check_text("log record", f"{made.msg} {made.args}")
        if made.exc_info is not None and made.exc_info[1] is not None:
            check_text("logged exception", repr(made.exc_info[1]))
        return made

    def readouterr(fixture: Any) -> Any:
        captured = read(fixture)
        check_text("captured output", captured.out)
        check_text("captured errors", captured.err)
        return captured

    def fill_unfilled(info: Any, exc_info: Any) -> None:
        fill(info, exc_info)
        check_text("exception", f"{exc_info[1]} {exc_info[1]!r}")

    def labelled(metric: Any, *values: Any, **named: Any) -> Any:
        check_text("metric", f"{values} {named}")
        return labels(metric, *values, **named)

    logging.setLogRecordFactory(record)
    patch.setattr(pytest.CaptureFixture, "readouterr", readouterr)
    patch.setattr(pytest.ExceptionInfo, "fill_unfilled", fill_unfilled)
    patch.setattr(MetricWrapperBase, "labels", labelled)
    yield
    patch.undo()
    logging.setLogRecordFactory(make)


assert CANARY.search(base64.b64encode(b"webhook-canary-12345678").decode())
