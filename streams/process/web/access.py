"""Access to the web server of a daemon: Host, Origin, bearer token, session."""

import hmac
import ipaddress
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import Counter

from config.sections.values import meant
from streams.process.web.answer_forms import ACCESS_KEY, FIREHOSE, QUERIES, as_expected, refusal
from streams.process.web.sessions import SESSION_PATH, Sessions
from streams.process.web.tokens import OWN_VARIABLE, AccessScope, Tokens

HEALTH: Final = ("/healthz", "/readyz")
"""Open to everyone."""

OPEN: Final = ("/", "/board/assets/{digest}/{name}", "/board/session")
"""The page of the board without any data, and the route of its sign-in: open to everyone."""

SESSIONS_LATER: Final = "Kafka has not answered yet, and has the key of sessions; the board tries again"

AUTHORISED: Final = web.RequestKey("authorised", bool)
"""Set on a request with a token for its scope, or in a session that began with one."""

SENDER: Final = web.RequestKey("sender", str)
"""Set on a request that brings records with a token: what the token is called in logs."""

PROOF: Final = "X-Uneri-Proof"
"""The header in which a page of the board proves that it is one."""

_EVERYBODY: Final = frozenset({AccessScope.READ})
_SLACK: Final = "/slack/"
_PUSHES: Final = "/pubsub"
_CHANGES: Final = "/changes"
_SIGNATURE: Final = "X-Hub-Signature-256"
_INTAKE: Final = frozenset({"/events", "/v1/traces", "/v1/logs", "/v1/metrics", FIREHOSE, _CHANGES})
_READING: Final = ("GET", "HEAD")
_LOOPBACK: Final = ("127.0.0.1", "::1", "::ffff:127.0.0.1")
_SAME: Final = (None, "same-origin", "none")


def host_in(address: str) -> str:
    """Return the host of ``host:port`` or of a Host header.

    Examples
    --------
    >>> host_in("[::1]:8765"), host_in("Localhost"), host_in("10.0.0.1:80")
    ('::1', 'localhost', '10.0.0.1')
    """
    if address.startswith("["):
        return address[1:].partition("]")[0].lower()
    host = address.rpartition(":")[0] if ":" in address else address
    return host.rstrip(".").lower()


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("uneri")
    (True, True, False, False)
    """
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_trusted(request: web.Request) -> bool:
    """Return whether a request may do what is not open to everyone: with a token, or from this machine.

    A request from this machine came over the loopback interface and is addressed to it by name. A page in a
    browser here could send one, too: accept only JSON, which a page of another origin cannot send.
    """
    here = request.remote in _LOOPBACK and is_loopback(host_in(request.host))
    return here or bool(request.get(AUTHORISED))


def sender_of(request: web.Request) -> str:
    """Return who brings records: the token that it has shown, else where it is."""
    return request.get(SENDER) or sender_at(request.remote or "")


def sender_at(address: str) -> str:
    """Return who sends from an address: a host has all of loopback, and mostly a whole /64 of IPv6.

    Whoever can choose among addresses must not count as many: senders have shares, and votes about clocks.

    Examples
    --------
    >>> sender_at("127.0.1.6"), sender_at("::ffff:192.0.2.1"), sender_at("2001:db8::9"), sender_at("")
    ('127.0.0.1', '192.0.2.1', '2001:db8::/64', '')
    """
    found = _address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None and not found.is_loopback:
            return str(ipaddress.ip_network((found, 64), strict=False))
        found = found.ipv4_mapped or found
    if found is None:
        return address
    return "127.0.0.1" if found.is_loopback else str(found)


class Access:
    """Decides on each request, before its route and its body are considered.

    - **Host**: a page of another site, whose name was made to point here (DNS rebinding), is refused: the
      name must be a loopback name, the one listened on, or configured. A server that can be reached from
      other machines and has no configured names accepts any.
    - **Origin**: a browser states which page sends a request. Only pages of this server may; a link that a
      person follows may be anywhere.
    - **Token**: if there is any token, every request needs one for its scope, except for health, for the
      page of the sign-in, and for requests that Slack, Google (Pub/Sub) or GitHub sign.
    - **Session**: below ``/board/``, the cookie of a session is as good as its token, if the browser states
      that a page of this server sends it. To change something, a missing statement is not enough.
    - **Route**: only authenticated callers get 404 and 405.

    Parameters
    ----------
    listen
        ``host:port`` that the server listens on.
    hosts
        Configured names.
    refused
        Counts refusals by reason.
    session_key
        As for ``Sessions``.
    """

    def __init__(
        self,
        listen: str,
        hosts: Sequence[str] = (),
        tokens: Tokens | None = None,
        refused: Counter | None = None,
        session_key: bytes | None = None,
    ) -> None:
        here = host_in(listen)
        self._local = is_loopback(here)
        self._names = {"localhost", here, *(host_in(host) for host in hosts)}
        self._any_host = not self._local and not hosts
        self._tokens = tokens or Tokens()
        self._refused = refused
        self.sessions = Sessions(self._tokens, session_key)

    def replace_tokens(self, tokens: Tokens) -> None:
        """Accept these tokens, and no others, from now on."""
        self._tokens = tokens
        self.sessions.replace_tokens(tokens)

    def middleware(self) -> Middleware:
        """Return the middleware for aiohttp."""

        @web.middleware
        async def decide(request: web.Request, handler: Handler) -> web.StreamResponse:
            refused = self._refusal(request)
            return await handler(request) if refused is None else as_expected(request, refused)

        return decide

    def _refusal(self, request: web.Request) -> web.Response | None:
        resource = request.match_info.route.resource
        path = "" if resource is None else resource.canonical
        if path in HEALTH or _is_signed(request, path):
            return None
        if not self._is_here(request.headers.get("Host")):
            return self.refuse(
                "host", 403, "this name is not one of the daemon's; add it to the hosts of its configuration"
            )
        if _is_foreign(request):
            return self.refuse("origin", 403, "a page of another origin may not ask this daemon")
        unrouted = request.match_info.http_exception
        if self._tokens.count and path not in OPEN:
            if self.sessions.waiting and _may_have_session(request):
                return self.refuse("session", 503, SESSIONS_LATER)  # not 401: the browser would sign out
            refused = self._without_token(request, _scope_of(path, request.method), routed=unrouted is None)
            if refused is not None:
                return refused
        return None if unrouted is None else self._without_route(request, unrouted)

    def _is_here(self, header: str | None) -> bool:
        if header is None or self._any_host:  # browsers always send one
            return True
        host = host_in(header)
        address = _address(host)
        if address is not None and (address.is_loopback or not self._local):
            return True  # no name that could be made to point here
        return host in self._names

    def _without_token(
        self, request: web.Request, scope: AccessScope, *, routed: bool
    ) -> web.Response | None:
        token = _token_of(request)
        allowed = self._allowed(request, token)
        if allowed and token is None and not _is_from_our_page(request):
            return self.refuse("origin", 403, "a session is for the pages of this daemon only")
        if allowed and not routed:
            return None
        if scope in allowed:
            request[AUTHORISED] = True
            if scope is AccessScope.INTAKE and token is not None:
                request[SENDER] = self._tokens.label(token)
            return None
        if allowed:
            return self.refuse("scope", 403, f"this token does not allow {scope}; use one that does")
        known = "is not known" if token is not None else "is needed"
        remedy = f"send Authorization: Bearer …; Uneri's own commands take it from {OWN_VARIABLE}"
        if request.path == FIREHOSE:
            remedy = f"set the access key of the delivery stream to a token of scope {scope}"
        return self.refuse("token", 401, f"a token that allows {scope} {known}: {remedy}")

    def still_allows(self, request: web.Request) -> bool:
        """Return whether a request that was allowed to read still is: its token may have been removed."""
        return not self._tokens.count or AccessScope.READ in self._allowed(request, _token_of(request))

    def may(self, request: web.Request) -> frozenset[AccessScope]:
        """Return the scopes of a page; without any token, only this machine may change something."""
        if not self._tokens.count:
            return _EVERYBODY | ({AccessScope.OPERATE} if is_trusted(request) else set())
        token = _token_of(request)
        if token is None and not _is_from_our_page(request):
            return frozenset()
        return self._allowed(request, token)

    def name_of(self, request: web.Request) -> str:
        """Return the name of the token or session of a request; empty without one."""
        token = _token_of(request)
        return self.sessions.name(request) if token is None else self._tokens.name(token)

    def proves(self, request: web.Request) -> bool:
        """Return whether the sender of a request to change something can read our answers.

        A cookie goes with every request of its browser, and a browser on this machine reaches its ports; so
        both must send the header that ``GET /board/session`` gave them. No token comes by itself.
        """
        if request.get(AUTHORISED) and _token_of(request) is not None:
            return True
        shown = request.headers.get(PROOF, "").encode("utf-8", "surrogateescape")
        return hmac.compare_digest(shown, self.sessions.proof(request).encode())

    def _allowed(self, request: web.Request, token: str | None) -> frozenset[AccessScope]:
        if token:
            return self._tokens.allowed(token)
        if token is None and request.path.startswith(f"{SESSION_PATH}/"):
            return self.sessions.allowed(request)
        return frozenset()

    def _without_route(self, request: web.Request, error: web.HTTPException) -> web.Response:
        if isinstance(error, web.HTTPMethodNotAllowed):
            allow = ", ".join(sorted(error.allowed_methods))
            refused = self.refuse("method", 405, f"this path does not take this method; use {allow}")
            refused.headers["Allow"] = allow
            return refused
        known = {resource.canonical for resource in request.app.router.resources()}
        remedy = meant(request.path, sorted(known), "docs/sources.md lists where to send what")
        return self.refuse("path", 404, f"there is no such path; {remedy}")

    def refuse(self, reason: str, status: int, message: str) -> web.Response:
        """Count a refused request and return the answer."""
        if self._refused is not None:
            self._refused.labels(reason).inc()
        headers = {"WWW-Authenticate": 'Bearer realm="uneri"'} if reason == "token" else {}
        return refusal(message, status, headers)


def refuse_order(request: web.Request, what: str) -> web.Response | None:
    """Return why a request may not order something, None if it may.

    It has a token, or comes from this machine; and JSON is what no form of a web page sends. ``what`` says
    what it orders: ``the state can be exported``.
    """
    if not is_trusted(request):
        return refusal(f"without a token, {what} only on this machine, at 127.0.0.1", 403)
    if request.content_type != "application/json":
        return refusal("send application/json", 415)
    return None


def _may_have_session(request: web.Request) -> bool:
    return request.path.startswith(f"{SESSION_PATH}/") and "Authorization" not in request.headers


def _is_signed(request: web.Request, path: str) -> bool:
    """Return whether a request proves its sender otherwise, which its route verifies."""
    return path.startswith(_SLACK) or path == _PUSHES or (path == _CHANGES and _SIGNATURE in request.headers)


def _token_of(request: web.Request) -> str | None:
    """Return the token of a request, empty for one in an unknown form, None without one."""
    if request.path == FIREHOSE and ACCESS_KEY in request.headers:
        return request.headers[ACCESS_KEY].strip()
    if "Authorization" not in request.headers:
        return None
    kind, _, token = request.headers["Authorization"].partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _is_foreign(request: web.Request) -> bool:
    origin = request.headers.get("Origin")
    if origin is not None and _host_and_port(origin) != request.headers.get("Host", "").lower():
        return True
    return request.headers.get("Sec-Fetch-Site") not in _SAME and not _is_link(request)


def _is_link(request: web.Request) -> bool:
    """Return whether a browser shows the answer to a person, as a page of its own that no other can read."""
    fetched = (request.headers.get("Sec-Fetch-Mode"), request.headers.get("Sec-Fetch-Dest"))
    return request.method in _READING and fetched == ("navigate", "document")


def _is_from_our_page(request: web.Request) -> bool:
    """Return whether the browser states it. Pages of other ports are foreign, though they send the cookie."""
    site = request.headers.get("Sec-Fetch-Site")
    if request.method in _READING:
        return site in _SAME
    return site == "same-origin" or (site is None and "Origin" in request.headers)  # not a foreign one


def _host_and_port(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _scope_of(path: str, method: str) -> AccessScope:
    if path in _INTAKE:
        return AccessScope.INTAKE
    reads = method in _READING or path.startswith(QUERIES)  # long queries are posted
    return AccessScope.READ if reads else AccessScope.OPERATE
