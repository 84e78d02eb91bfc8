"""Records that are no events, each with the reason it is rejected for. Usable over any transport."""

import gzip
import json

from streams.decode.rejected import Reason

GOOD_TS = 1_760_000_000


def _event(**fields: object) -> bytes:
    return json.dumps({"ts": GOOD_TS, "service": "inventory"} | fields).encode()


def _table(**fields: object) -> bytes:
    return _event(tables=[{"name": "items"} | fields])


CORPUS: list[tuple[bytes, Reason]] = [
    # nothing
    (b"", Reason.EMPTY),
    (b"   ", Reason.EMPTY),
    (b"\n", Reason.EMPTY),
    # not JSON
    (b"hello", Reason.NOT_JSON),
    (b"{", Reason.NOT_JSON),
    (b'{"ts":1760000000,"service":"a"', Reason.NOT_JSON),
    (b'"service":"a"}', Reason.NOT_JSON),
    (b'{"ts":1760000000,"service":"a",}', Reason.NOT_JSON),
    (b"{'ts':1760000000,'service':'a'}", Reason.NOT_JSON),
    (b'{ts:1760000000,service:"a"}', Reason.NOT_JSON),
    (b'{"ts":01760000000,"service":"a"}', Reason.NOT_JSON),
    (b'{"ts":1760000000,"service":"a"}{"ts":1760000000,"service":"b"}', Reason.NOT_JSON),
    (b'{"ts":1760000000,"service":"a"} trailing', Reason.NOT_JSON),
    (b'{"ts":1760000000,"service":"a"}\n{"ts":1760000000,"service":"b"}', Reason.NOT_JSON),
    (b'{"ts":1760000000,"service":"a\tb"}', Reason.NOT_JSON),
    (b'{"ts":1760000000,"service":"\\ud800"}', Reason.NOT_JSON),
    (b'{"ts":1760000000,"service":"\\x41"}', Reason.NOT_JSON),
    (b'{"ts":1760000000,"cold_start":True,"service":"a"}', Reason.NOT_JSON),
    (b'{"ts":1760000000 "service":"a"}', Reason.NOT_JSON),
    (b"ts=1760000000 service=a", Reason.NOT_JSON),
    (b"<event ts='1760000000'/>", Reason.NOT_JSON),
    (b"\xef\xbb\xbf" + _event(), Reason.NOT_JSON),
    (b"1760000000,inventory,200", Reason.NOT_JSON),
    # not text
    (b"\x00\x01\x02\x03", Reason.BINARY),
    (b"\xff\xfe{\x00}\x00", Reason.BINARY),
    (b'{"ts":1760000000,"service":"\xff"}', Reason.BINARY),
    (b'{"ts":1760000000,"service":"a\x00b"}', Reason.BINARY),
    (gzip.compress(_event(), mtime=0), Reason.BINARY),
    (b"\x80\x04\x95\x10", Reason.BINARY),
    # not a number
    (b'{"ts":NaN,"service":"a"}', Reason.NOT_FINITE),
    (b'{"ts":1760000000,"service":"a","ms":{"total":Infinity}}', Reason.NOT_FINITE),
    (b'{"ts":1760000000,"service":"a","ms":{"total":-Infinity}}', Reason.NOT_FINITE),
    (b'{"ts":1760000000,"service":"a","values":{"sales":NaN}}', Reason.NOT_FINITE),
    (b'{"ts":1e999,"service":"a"}', Reason.NOT_FINITE),
    (b'{"ts":1760000000,"service":"a","ms":{"total":1e400}}', Reason.NOT_FINITE),
    # not an object
    (b"[]", Reason.NOT_OBJECT),
    (b"[" + _event() + b"]", Reason.NOT_OBJECT),
    (b"null", Reason.NOT_OBJECT),
    (b"42", Reason.NOT_OBJECT),
    (b'"ts"', Reason.NOT_OBJECT),
    (b"true", Reason.NOT_OBJECT),
    # too much
    (_event(note="x" * (1 << 20)), Reason.TOO_LARGE),
    (b"x" * ((1 << 20) + 1), Reason.TOO_LARGE),
    (b'{"ts":1760000000,"service":"a","deep":' + b"[" * 50_000 + b"]" * 50_000 + b"}", Reason.TOO_DEEP),
    # wrong types
    (_event(ts=True), Reason.BAD_TYPE),
    (_event(ts=[GOOD_TS]), Reason.BAD_TYPE),
    (_event(ts={"seconds": GOOD_TS}), Reason.BAD_TYPE),
    (_event(service=7), Reason.BAD_TYPE),
    (_event(service=["a"]), Reason.BAD_TYPE),
    (_event(route=False), Reason.BAD_TYPE),
    (_event(id=123), Reason.BAD_TYPE),
    (_event(client="ios"), Reason.BAD_TYPE),
    (_event(client={"version": 3}), Reason.BAD_TYPE),
    (_event(status="200"), Reason.BAD_TYPE),
    (_event(status=200.5), Reason.BAD_TYPE),
    (_event(status=True), Reason.BAD_TYPE),
    (_event(error=1), Reason.BAD_TYPE),
    (_event(error_type={"name": "Boom"}), Reason.BAD_TYPE),
    (_event(ms=41.2), Reason.BAD_TYPE),
    (_event(ms={"total": "41.2"}), Reason.BAD_TYPE),
    (_event(ms={"function": True}), Reason.BAD_TYPE),
    (_event(cold_start=1), Reason.BAD_TYPE),
    (_event(cold_start="false"), Reason.BAD_TYPE),
    (_event(throttled=True), Reason.BAD_TYPE),
    (_event(tables={"name": "items"}), Reason.BAD_TYPE),
    (_event(tables=["items"]), Reason.BAD_TYPE),
    (_event(tables=[None]), Reason.BAD_TYPE),
    (_event(tables=[{"rcu": 1}]), Reason.BAD_TYPE),
    (_table(name=None), Reason.BAD_TYPE),
    (_table(wcu="2"), Reason.BAD_TYPE),
    (_table(rcu=True), Reason.BAD_TYPE),
    (_event(values={"sales": "120"}), Reason.BAD_TYPE),
    (_event(values=[1]), Reason.BAD_TYPE),
    # out of range
    (_event(ms={"total": -1}), Reason.OUT_OF_RANGE),
    (_event(ms={"auth": -0.001}), Reason.OUT_OF_RANGE),
    (_event(ms={"total": 1e12}), Reason.OUT_OF_RANGE),
    (_event(status=-1), Reason.OUT_OF_RANGE),
    (_event(status=1000), Reason.OUT_OF_RANGE),
    (_table(wcu=-2.5), Reason.OUT_OF_RANGE),
    (_table(rcu=1e18), Reason.OUT_OF_RANGE),
    (_table(ms=-7), Reason.OUT_OF_RANGE),
    # error class
    (_event(error="oops"), Reason.UNKNOWN_ERROR),
    (_event(error=""), Reason.UNKNOWN_ERROR),
    (_event(error="FATAL"), Reason.UNKNOWN_ERROR),
    # time
    (b'{"service":"a"}', Reason.NO_TS),
    (_event(ts=None), Reason.NO_TS),
    (b"{}", Reason.NO_TS),
    (_event(ts=0), Reason.BAD_TS),
    (_event(ts=-5), Reason.BAD_TS),
    (_event(ts=12345), Reason.BAD_TS),
    (_event(ts=1e30), Reason.BAD_TS),
    (_event(ts="yesterday"), Reason.BAD_TS),
    (_event(ts="1760000000"), Reason.BAD_TS),
    (_event(ts="2025-10-09"), Reason.BAD_TS),
    (_event(ts="2025-10-09T08:53:20"), Reason.BAD_TS),
    (_event(ts="2025-13-09T08:53:20Z"), Reason.BAD_TS),
    (_event(ts="0001-01-01T00:00:00+23:59"), Reason.BAD_TS),
    (_event(ts=""), Reason.BAD_TS),
    # names
    (b'{"ts":1760000000}', Reason.NO_NAME),
    (_event(service=None), Reason.NO_NAME),
    (_event(service="", route="", function=""), Reason.NO_NAME),
]
"""(record, reason) pairs; none depends on the records around it."""
