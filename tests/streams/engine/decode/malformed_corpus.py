"""Records that are not events, each with the reason for its rejection. Usable over any transport."""

import gzip
import json

from streams.engine.decode.rejected import RejectReason

GOOD_TS = 1_760_000_000


def _event(**fields: object) -> bytes:
    return json.dumps({"ts": GOOD_TS, "service": "inventory"} | fields).encode()


def _table(**fields: object) -> bytes:
    return _event(tables=[{"name": "items"} | fields])


CORPUS: list[tuple[bytes, RejectReason]] = [
    # nothing
    (b"", RejectReason.EMPTY),
    (b"   ", RejectReason.EMPTY),
    (b"\n", RejectReason.EMPTY),
    # not JSON
    (b"hello", RejectReason.NOT_JSON),
    (b"{", RejectReason.NOT_JSON),
    (b'{"ts":1760000000,"service":"a"', RejectReason.NOT_JSON),
    (b'"service":"a"}', RejectReason.NOT_JSON),
    (b'{"ts":1760000000,"service":"a",}', RejectReason.NOT_JSON),
    (b"{'ts':1760000000,'service':'a'}", RejectReason.NOT_JSON),
    (b'{ts:1760000000,service:"a"}', RejectReason.NOT_JSON),
    (b'{"ts":01760000000,"service":"a"}', RejectReason.NOT_JSON),
    (b'{"ts":1760000000,"service":"a"}{"ts":1760000000,"service":"b"}', RejectReason.NOT_JSON),
    (b'{"ts":1760000000,"service":"a"} trailing', RejectReason.NOT_JSON),
    (b'{"ts":1760000000,"service":"a"}\n{"ts":1760000000,"service":"b"}', RejectReason.NOT_JSON),
    (b'{"ts":1760000000,"service":"a\tb"}', RejectReason.NOT_JSON),
    (b'{"ts":1760000000,"service":"\\x41"}', RejectReason.NOT_JSON),
    (b'{"ts":1760000000,"cold_start":True,"service":"a"}', RejectReason.NOT_JSON),
    (b'{"ts":1760000000 "service":"a"}', RejectReason.NOT_JSON),
    (b"ts=1760000000 service=a", RejectReason.NOT_JSON),
    (b"<event ts='1760000000'/>", RejectReason.NOT_JSON),
    (b"\xef\xbb\xbf" + _event(), RejectReason.NOT_JSON),
    (b"1760000000,inventory,200", RejectReason.NOT_JSON),
    # not text
    (b"\x00\x01\x02\x03", RejectReason.BINARY),
    (b"\xff\xfe{\x00}\x00", RejectReason.BINARY),
    (b'{"ts":1760000000,"service":"a\x00b"}', RejectReason.BINARY),
    (gzip.compress(_event(), mtime=0), RejectReason.BINARY),
    (b"\x80\x04\x95\x10", RejectReason.BINARY),
    # not a number
    (b'{"ts":NaN,"service":"a"}', RejectReason.NOT_FINITE),
    (b'{"ts":1760000000,"service":"a","ms":{"total":Infinity}}', RejectReason.NOT_FINITE),
    (b'{"ts":1760000000,"service":"a","ms":{"total":-Infinity}}', RejectReason.NOT_FINITE),
    (b'{"ts":1760000000,"service":"a","values":{"sales":NaN}}', RejectReason.NOT_FINITE),
    (b'{"ts":1e999,"service":"a"}', RejectReason.NOT_FINITE),
    (b'{"ts":1760000000,"service":"a","ms":{"total":1e400}}', RejectReason.NOT_FINITE),
    # not an object
    (b"[]", RejectReason.NOT_OBJECT),
    (b"[" + _event() + b"]", RejectReason.NOT_OBJECT),
    (b"null", RejectReason.NOT_OBJECT),
    (b"42", RejectReason.NOT_OBJECT),
    (b'"ts"', RejectReason.NOT_OBJECT),
    (b"true", RejectReason.NOT_OBJECT),
    # too much
    (_event(note="x" * (1 << 20)), RejectReason.TOO_LARGE),
    (b"x" * ((1 << 20) + 1), RejectReason.TOO_LARGE),
    (b'{"ts":1760000000,"service":"a","deep":' + b"[" * 50_000 + b"]" * 50_000 + b"}", RejectReason.TOO_DEEP),
    # wrong types
    (_event(ts=True), RejectReason.BAD_TYPE),
    (_event(ts=[GOOD_TS]), RejectReason.BAD_TYPE),
    (_event(ts={"seconds": GOOD_TS}), RejectReason.BAD_TYPE),
    (_event(service=7), RejectReason.BAD_TYPE),
    (_event(service=["a"]), RejectReason.BAD_TYPE),
    (_event(route=False), RejectReason.BAD_TYPE),
    (_event(id=123), RejectReason.BAD_TYPE),
    (_event(client="ios"), RejectReason.BAD_TYPE),
    (_event(client={"version": 3}), RejectReason.BAD_TYPE),
    (_event(status="200"), RejectReason.BAD_TYPE),
    (_event(status=200.5), RejectReason.BAD_TYPE),
    (_event(status=True), RejectReason.BAD_TYPE),
    (_event(error=1), RejectReason.BAD_TYPE),
    (_event(error_type={"name": "Boom"}), RejectReason.BAD_TYPE),
    (_event(ms=41.2), RejectReason.BAD_TYPE),
    (_event(ms={"total": "41.2"}), RejectReason.BAD_TYPE),
    (_event(ms={"function": True}), RejectReason.BAD_TYPE),
    (_event(cold_start=1), RejectReason.BAD_TYPE),
    (_event(cold_start="false"), RejectReason.BAD_TYPE),
    (_event(throttled=True), RejectReason.BAD_TYPE),
    (_event(tables={"name": "items"}), RejectReason.BAD_TYPE),
    (_event(tables=["items"]), RejectReason.BAD_TYPE),
    (_event(tables=[None]), RejectReason.BAD_TYPE),
    (_event(tables=[{"rcu": 1}]), RejectReason.BAD_TYPE),
    (_table(name=None), RejectReason.BAD_TYPE),
    (_table(wcu="2"), RejectReason.BAD_TYPE),
    (_table(rcu=True), RejectReason.BAD_TYPE),
    (_event(values={"sales": "120"}), RejectReason.BAD_TYPE),
    (_event(values=[1]), RejectReason.BAD_TYPE),
    # out of range
    (_event(ms={"total": -1}), RejectReason.OUT_OF_RANGE),
    (_event(ms={"auth": -0.001}), RejectReason.OUT_OF_RANGE),
    (_event(ms={"total": 1e12}), RejectReason.OUT_OF_RANGE),
    (_event(status=-1), RejectReason.OUT_OF_RANGE),
    (_event(status=1000), RejectReason.OUT_OF_RANGE),
    (_table(wcu=-2.5), RejectReason.OUT_OF_RANGE),
    (_table(rcu=1e18), RejectReason.OUT_OF_RANGE),
    (_table(ms=-7), RejectReason.OUT_OF_RANGE),
    # error class
    (_event(error="oops"), RejectReason.UNKNOWN_ERROR),
    (_event(error=""), RejectReason.UNKNOWN_ERROR),
    (_event(error="FATAL"), RejectReason.UNKNOWN_ERROR),
    # kind
    (_event(kind="sampel"), RejectReason.UNKNOWN_KIND),
    (_event(kind=""), RejectReason.UNKNOWN_KIND),
    (_event(kind=7), RejectReason.BAD_TYPE),
    (_event(counts="functions"), RejectReason.BAD_TYPE),
    (_event(counts="function,"), RejectReason.BAD_TYPE),
    (_event(weight=0), RejectReason.OUT_OF_RANGE),
    (_event(weight=0.5), RejectReason.OUT_OF_RANGE),
    (_event(weight="2"), RejectReason.BAD_TYPE),
    # time
    (b'{"service":"a"}', RejectReason.NO_TS),
    (_event(ts=None), RejectReason.NO_TS),
    (b"{}", RejectReason.NO_TS),
    (_event(ts=0), RejectReason.BAD_TS),
    (_event(ts=-5), RejectReason.BAD_TS),
    (_event(ts=12345), RejectReason.BAD_TS),
    (_event(ts=1e30), RejectReason.BAD_TS),
    (_event(ts="yesterday"), RejectReason.BAD_TS),
    (_event(ts="1760000000"), RejectReason.BAD_TS),
    (_event(ts="2025-10-09"), RejectReason.BAD_TS),
    (_event(ts="2025-10-09T08:53:20"), RejectReason.BAD_TS),
    (_event(ts="2025-13-09T08:53:20Z"), RejectReason.BAD_TS),
    (_event(ts="0001-01-01T00:00:00+23:59"), RejectReason.BAD_TS),
    (_event(ts="2025-10-09T08:53:20+05:99"), RejectReason.BAD_TS),
    (_event(ts="2025-10-09T08:53:20-05:60"), RejectReason.BAD_TS),
    (_event(ts="2025-10-09T08:53:20+24:00"), RejectReason.BAD_TS),
    (_event(ts="2025-10-09T24:00:00Z"), RejectReason.BAD_TS),
    (_event(ts=""), RejectReason.BAD_TS),
    # names
    (b'{"ts":1760000000}', RejectReason.NO_NAME),
    (_event(service=None), RejectReason.NO_NAME),
    (_event(service="", route="", function=""), RejectReason.NO_NAME),
]
"""(record, reason) pairs; none depends on the records around it."""
