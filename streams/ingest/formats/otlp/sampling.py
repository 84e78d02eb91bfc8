"""How many spans a sampled one stands for, from what its trace state says of the sampler."""

import re
from typing import Final

_VENDOR: Final = re.compile(r"(?:^|,)\s*ot=([^,]*)")
_THRESHOLD: Final = re.compile(r"(?:^|;)th:([0-9a-fA-F]{1,14})(?:;|$)")
_POWER: Final = re.compile(
    r"(?:^|;)p:([0-9]{1,2})(?:;|$)"
)  # what samplers wrote before they wrote thresholds
_DIGITS: Final = 14
_ALL: Final = 1 << (4 * _DIGITS)
_NEVER: Final = 63


def weight_of(state: str) -> float | None:
    """Return the weight that a trace state gives, None if it gives none or the span stands for itself.

    A threshold is the part of all traces that is dropped, a fraction of 56 bits without trailing zeros.

    Examples
    --------
    >>> weight_of("congo=t61rcWkgMzE,ot=th:c;rv:9b8233f7e3"), weight_of("ot=th:0"), weight_of("ot=p:3;r:5")
    (4.0, None, 8.0)
    """
    if "ot=" not in state:
        return None
    vendor = _VENDOR.search(state)
    if not vendor:
        return None
    if threshold := _THRESHOLD.search(vendor.group(1)):
        weight = _ALL / (_ALL - int(threshold.group(1).ljust(_DIGITS, "0"), 16))
    elif power := _POWER.search(vendor.group(1)):
        exponent = int(power.group(1))
        weight = 1.0 if exponent >= _NEVER else float(1 << exponent)
    else:
        return None
    return None if weight == 1.0 else weight
