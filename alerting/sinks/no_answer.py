"""Why a server was not reached or not understood, in words; and a guard against redirects."""

import os
import socket
import ssl
from types import SimpleNamespace
from typing import Final

import aiohttp


class RedirectError(aiohttp.ClientError):
    """The server redirects. What is sent to it (a token, a message) is not for another address."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


NOT_FOLLOWED: Final = "redirects are not followed"


def no_redirects() -> aiohttp.TraceConfig:
    """Return what makes every call of a session raise ``RedirectError`` instead of following a redirect."""
    guard = aiohttp.TraceConfig()
    guard.on_request_redirect.append(_refuse)
    return guard


async def _refuse(
    _: aiohttp.ClientSession, __: SimpleNamespace, found: aiohttp.TraceRequestRedirectParams
) -> None:
    found.response.close()
    raise RedirectError(found.response.status)


def no_answer(error: BaseException) -> str:  # noqa: PLR0911  one return for each reason
    """Return why there is no answer, without an address or a secret.

    Examples
    --------
    >>> no_answer(TimeoutError()), no_answer(ConnectionRefusedError(111, "Connect call failed"))
    ('no answer in time', 'cannot connect, connection refused')
    """
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "cannot connect in time"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(
        error, aiohttp.ClientConnectorDNSError | socket.gaierror | aiohttp.ClientProxyConnectionError
    ):
        proxy = isinstance(error, aiohttp.ClientProxyConnectionError)
        return f"cannot connect, {'the proxy is not reached' if proxy else 'the name of its host is unknown'}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
        return "cannot connect, its certificate is not valid"
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return "cannot connect, TLS failed"
    if isinstance(error, aiohttp.ClientConnectorError | ConnectionRefusedError):
        reason = os.strerror(error.errno).lower() if error.errno else ""
        return f"cannot connect, {reason}" if reason else "cannot connect"
    return "the connection broke"
