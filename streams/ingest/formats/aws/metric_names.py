"""What a metric's name and unit say it is: a layer's duration, an amount that adds up, or a level."""

import re
from typing import Final

_UNSPOKEN: Final = re.compile(r"[^a-z0-9]")
_IN_MILLISECONDS: Final = {"Seconds": 1000.0, "Milliseconds": 1.0, "Microseconds": 0.001}
_UNIT_IN_NAME: Final = re.compile(r"(?:[_.\s-]ms|Ms|MS|[_.\s-]?[Mm]illis(?:econds)?)$")

_LAYERS: Final = {
    "total": ("total", "latency", "responselatency", "responsetime", "requestlatency", "requestduration",
              "requesttime", "totalduration", "totallatency", "totaltime"),
    "function": ("time", "duration", "functionduration", "functiontime", "handlerduration", "handlertime",
                 "invocationduration", "executiontime", "executionduration", "processingtime",
                 "processinglatency", "processingduration", "elapsed", "elapsedtime"),
    "code": ("code", "codeduration", "codetime", "businesslogic", "businesslogicduration"),
    "auth": ("auth", "authduration", "authlatency", "authtime", "authorizerlatency", "authorizerduration"),
}  # fmt: skip
_LAYER_OF: Final = {name: layer for layer, names in _LAYERS.items() for name in names}


def milliseconds_per(unit: str | None, name: str) -> float | None:
    """Return how many milliseconds one of a metric's unit is, None if it is no time.

    A metric without a unit may have it in its name.

    Examples
    --------
    >>> milliseconds_per("Seconds", "latency"), milliseconds_per(None, "latency_ms")
    (1000.0, 1.0)
    """
    if unit in {None, "", "None"}:
        return 1.0 if _UNIT_IN_NAME.search(name) else None
    return _IN_MILLISECONDS.get(unit or "")


def layer_of(name: str) -> str | None:
    """Return the layer (``Layers``) whose duration a metric of time is, None if it is another time.

    Examples
    --------
    >>> layer_of("ProcessingLatency"), layer_of("response_latency_ms"), layer_of("QueryTime")
    ('function', 'total', None)
    """
    return _LAYER_OF.get(plain(_UNIT_IN_NAME.sub("", name)))


def is_level(unit: str | None) -> bool:
    """Return whether amounts of a unit do not add up: a share, or a rate.

    Examples
    --------
    >>> is_level("Percent"), is_level("Bytes/Second"), is_level("Bytes"), is_level(None)
    (True, True, False, False)
    """
    return unit is not None and (unit == "Percent" or unit.endswith("/Second"))


def plain(name: str) -> str:
    """Return a name without what senders spell differently.

    Examples
    --------
    >>> plain("Function_Name")
    'functionname'
    """
    return _UNSPOKEN.sub("", name.lower())
