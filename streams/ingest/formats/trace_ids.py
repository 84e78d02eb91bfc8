"""Trace ids, which several sources of one request share, as keys that join them."""

import re
from typing import Final

_ROOT: Final = re.compile(
    r"(?:^|;)\s*Root=(1-[0-9a-f]{8}-[0-9a-f]{24})(?![0-9a-f])", re.IGNORECASE | re.ASCII
)
_BARE: Final = re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}", re.IGNORECASE | re.ASCII)
_HEX: Final = re.compile(r"[0-9a-f]{32}", re.IGNORECASE | re.ASCII)


def x_ray_trace(text: str | None) -> str | None:
    """Return the trace id of AWS in a text: the id alone, or a header's ``Root``; None if there is none.

    Examples
    --------
    >>> x_ray_trace("Self=1-67891234-12456789abcdef0123456789;Root=1-5759e988-bd862e3fe1be46a994272793")
    '1-5759e988-bd862e3fe1be46a994272793'
    """
    if not text:
        return None
    root = _ROOT.search(text)
    if root is not None:
        return root[1]
    return text if _BARE.fullmatch(text) else None


def x_ray_key(trace: str) -> str:
    """Return the key of a trace id of X-Ray: the id that OpenTelemetry gives the same trace.

    Examples
    --------
    >>> x_ray_key("1-5759e988-bd862e3fe1be46a994272793")
    '5759e988bd862e3fe1be46a994272793'
    """
    return trace[2:].replace("-", "").lower()


def trace_of(text: str | None) -> str | None:
    """Return the trace id in a text, of X-Ray or OpenTelemetry (32 hex digits); None if there is none.

    Examples
    --------
    >>> trace_of("5759e988bd862e3fe1be46a994272793"), trace_of("none")
    ('5759e988bd862e3fe1be46a994272793', None)
    """
    return x_ray_trace(text) or (text if text and _HEX.fullmatch(text) and text.strip("0") else None)


def joins(trace: str | None, request: str | None) -> str | None:
    """Return the join keys (``Event.joins``) of a request from its trace id and its request id.

    Examples
    --------
    >>> joins("1-5759e988-bd862e3fe1be46a994272793", "c6af9ac6")
    '5759e988bd862e3fe1be46a994272793 c6af9ac6'
    """
    trace = trace_of(trace)
    key = trace and (x_ray_key(trace) if trace.startswith("1-") else trace.lower())
    joined = request if request and len(request.split()) == 1 and request.strip() == request else None
    return " ".join(filter(None, (key, joined))) or None
