"""Compiles machine code, or loads it from the cache, before the first event needs it.

Run ``python -m streams.drivers.compile_ahead`` ahead of time: at set-up, or while building an image.
"""

import gc
import os
from functools import cache
from typing import Any, Final

import numpy as np
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2

from config.settings import Settings
from detectors.judge.judge import Judge
from detectors.judge.kernel.kernel import advance
from detectors.model.array_types import Floats
from detectors.model.measures import Measure, Series
from detectors.model.scope import SERVICE, Scope
from detectors.score.score import score
from detectors.state.compiled import COMPILES, is_kept
from detectors.state.compress import compress, decompress
from detectors.watch.absence import AbsenceWatch, take_in
from streams.engine.decode.decoder import Decoder
from streams.engine.decode.event_time import EventTime
from streams.engine.measure.latency_window import LatencyWindow
from streams.engine.measure.part_times import PartTimes
from streams.engine.rollup.blocks.block_codec import decode_block, encode_block
from streams.engine.rollup.rollup import Rollup
from streams.engine.stages.engine import Engine
from streams.ingest.formats.format import Surroundings
from streams.ingest.formats.otlp.otlp_proto import OtlpProto, is_scanner_kept
from streams.process.compilation import (
    BEGINS,
    JUDGEMENT,
    SPANS,
    Announce,
    announce_compiling,
    on_standard_error,
    wait_until_kept,
)
from streams.process.compilation import GC_THRESHOLD as COMPILING
from streams.process.machine import cores, keep_freed

if COMPILES:
    from streams.engine.decode.scan.scan import scan

_EVENT: Final = (
    b'{"ts": %d, "id": "%d", "service": "s", "function": "f%d", "status": 500, "error": "fatal",'
    b'"error_type": "E", "ms": {"total": 1.5}, "tables": [{"name": "t", "op": "GetItem", "rcu": 1}],'
    b'"values": {"v": 1}}'
)
_START: Final = 1_760_000_000

_ROWS: Final = 300  # so that every function of the judge is called
MINUTES: Final = 10  # so that some are judged before and after a restart
_PROGRAM: Final = (
    f"import gc; gc.set_threshold({COMPILING}); from streams.drivers import compile_ahead; "
    "compile_ahead.compile_{}()"
)
_DETECTION, _REST, _SPANS = (_PROGRAM.format(part) for part in ("detection", "rest", "spans"))

GC_THRESHOLD: Final = 10_000
"""New objects before a garbage collection; Python's default of 700 is reached with one small block."""


def prepare_process(say: Announce = on_standard_error, *, accepts_events: bool = False) -> None:
    """Compile for a daemon before it starts, and for commands that read records again.

    Later, a compiler would stop the engine for a minute, and the watchdog would take it for stuck.

    Modules and machine code stay in memory, so they are exempted from garbage collection, which otherwise
    takes a quarter of the time of a batch consumer. Freed memory is kept at hand.

    Parameters
    ----------
    say
        Called with a line when the compiler begins and when it has ended; not if all is in the cache.
    accepts_events
        For daemons that accept events before detection is compiled, which is when ``JUDGEMENT`` is ready.
    """
    compile_ahead(say, spans_later=True, judgement_later=accepts_events)
    keep_freed()
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, *gc.get_threshold()[1:])


@cache
def compile_ahead(
    say: Announce = on_standard_error, *, spans_later: bool = False, judgement_later: bool = False
) -> None:
    """Judge a few minutes: 30 seconds the first time, half a second from the cache; once in a process.

    Parameters
    ----------
    say
        As for ``prepare_process``.
    spans_later, judgement_later
        Have another process compile the reader of OpenTelemetry's spans, or the judge, without waiting for
        it.
    """
    spans_later = spans_later and cores() > 1 and is_scanner_kept() is False
    if judgement_later and cores() > 1 and COMPILES and is_kept(advance) is False:
        say(f"{BEGINS}; it is kept in {_kept_in()} for the next start")
        _admit_times()
        JUDGEMENT.begin(_DETECTION, _REST)
    else:
        with announce_compiling(say, _DETECTION) as helper:
            if not spans_later:
                compile_spans()
            compile_rollup()
            helper.wait()
            _judge()
    if spans_later:
        SPANS.begin_at_need(_SPANS, after=JUDGEMENT)


@cache
def compile_score(say: Announce = on_standard_error) -> None:
    """Compile the judge of plain series."""
    with announce_compiling(say):
        score(np.arange(_ROWS, dtype=np.int64) * 60, np.arange(_ROWS, dtype=np.float64))


def compile_detection() -> None:
    """Compile one part: event time, and the judgement of a step."""
    _admit_times()
    decompress(compress(np.ones((2, 2), np.float32)), (2, 2))
    judge, ones = Judge(Settings().judge, 60), np.ones(1)
    judge.add([Series(Scope(SERVICE, "s", "", "", ""), Measure.REQUESTS)])
    judge.judge(_START, ones)
    absences = AbsenceWatch(60, 1, 1)
    absences.add(1)
    absences.watch(_START, ones, ones, ones > 0, known=ones > 0)


def compile_rollup() -> None:
    """Compile the other part: the decoder, the rollup, and the p95s of calls."""
    _roll_up()
    _time_calls()


def compile_rest() -> None:
    """Compile the other part, and the little that needs both."""
    compile_rollup()
    wait_until_kept(take_in)  # which the other process compiles last
    _judge()


def _kept_in() -> str:
    made: list[Any] = [advance, scan]  # machine code is kept by folder
    return os.path.commonpath([str(function.stats.cache_path) for function in made])


def load_judgement() -> None:
    """Load the code that other processes compiled for a daemon, and compile the rest."""
    compile_detection()
    compile_rollup()
    _judge()


def _admit_times() -> None:
    stamps = _START + np.arange(_ROWS, dtype=float)
    EventTime(Settings().time.future).admit_all(stamps, stamps)


def _time_calls() -> None:
    one = np.ones(1)
    rows = np.zeros(1, np.int64)
    window, parts, calls = LatencyWindow(), PartTimes(Measure.LATENCY, 60), (rows, rows, one)
    window.p95(calls, 1)
    window.peek(calls, 1)
    parts.feed([calls], [0], one[None], one[None])


def compile_spans() -> None:
    """Compile the reader of OpenTelemetry's spans."""
    span = trace_pb2.Span(trace_id=b"1" * 16, span_id=b"1" * 8, kind=trace_pb2.Span.SPAN_KIND_SERVER)
    span.start_time_unix_nano = _START * 1_000_000_000
    message = ExportTraceServiceRequest()
    message.resource_spans.add().scope_spans.add().spans.append(span)
    OtlpProto(lambda _: None).lines(message.SerializeToString(), Surroundings(function="f"))


def _records() -> tuple[list[bytes], Floats]:
    seconds = range(0, MINUTES * 60, 10)
    # so many names that tables grow
    return [_EVENT % (_START + second, second, second) for second in seconds], _START + np.array(
        seconds, float
    )


def _roll_up() -> None:
    records, arrived = _records()
    decoder = Decoder()
    rollup = Rollup("warm/0", 2, Settings().time, decoder)
    before = _START - 10
    crowd = [_EVENT % (before, number, number) for number in range(_ROWS)]  # names that are written once
    rollup.feed(decoder.decode(crowd, np.full(_ROWS, before, float))[0])
    for block in rollup.feed(decoder.decode(records, arrived)[0]):
        decode_block(encode_block(block))


def _judge() -> None:
    records, arrived = _records()
    parts: dict[str, bytes] = {}
    middle = len(records) // 2
    for part in (slice(middle), slice(middle, None)):  # the second knows the names
        engine = Engine(Settings(), ["warm/0"])
        if parts:
            engine.restore(parts)
        engine.feed("warm/0", records[part], arrived[part])
        parts = engine.snapshot()


if __name__ == "__main__":
    compile_ahead()
    compile_score()
