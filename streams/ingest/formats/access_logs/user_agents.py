"""User agents as clients: only those that name an application.

``myapp/3.2.1 (iOS 17)`` begins with a product and its version (RFC 9110, 10.1.5): a build that its makers
named, and that one can ask about. What begins with ``Mozilla/5.0`` is a browser: which build of another's
program a person happened to use is no client. Neither are runtimes that name themselves for whatever runs in
them (``Dalvik/2.1.0``), nor agents without a version.
"""

import re
from typing import Final

from streams.engine.decode.event import EventClient

_PRODUCT: Final = re.compile(
    r"([A-Za-z][A-Za-z0-9._+-]{0,63})/v?(\d[A-Za-z0-9._+-]{0,31})(?=$|[ ;,(])", re.ASCII
)
_NO_CLIENTS: Final = frozenset({"mozilla", "opera", "dalvik"})


def client_of(agent: str | None) -> EventClient | None:
    """Return the client that a user agent names, None if it names none.

    Examples
    --------
    >>> client_of("myapp/3.2.1 CFNetwork/1240.0.4 Darwin/20.6.0")
    EventClient(name='myapp', version='3.2.1', tenant=None)
    >>> client_of("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.0 Safari/605.1.15") is None
    True
    """
    found = _PRODUCT.match(agent) if agent else None
    if found is None or found[1].lower() in _NO_CLIENTS:
        return None
    return EventClient(found[1], found[2])
