"""The address of a daemon's web server, with its tokens and TLS, and whether that is safe."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import Counter

from config.settings import Settings
from streams.process.web.access import Access, host_in, is_loopback
from streams.process.web.certificates import CertificateError, Certificates
from streams.process.web.tokens import AccessScope, AccessTokenError, Tokens, load_tokens


class AddressError(Exception):
    """The web server must not listen like this; the message has the remedy."""


@dataclass(frozen=True)
class ListenAddress:
    """An address with its tokens and TLS."""

    section: str  # local or web
    listen: str
    hosts: tuple[str, ...]
    tokens: Tokens
    certificates: Certificates | None
    intake: bool  # records come in here

    @property
    def url(self) -> str:
        """Return the address with its scheme."""
        return f"{'http' if self.certificates is None else 'https'}://{self.listen}"

    def access(self, refused: Counter | None = None) -> Access:
        """Return the access to this address; ``refused`` counts."""
        return Access(self.listen, self.hosts, self.tokens, refused)

    def warning(self) -> str | None:
        """Return a warning for the operator about networks that reach the address."""
        where = f"{self.section}.listen {self.listen}"
        if is_loopback(host_in(self.listen)):
            return None
        if not self.tokens.count:
            insecure = f"as {self.section}.insecure insists; make sure that only friends reach it"
            return f"{where}: open to the network without a token, {insecure}"
        if self.certificates is None:
            remedy = f"set {self.section}.tls, or put a proxy with TLS in front"
            return f"{where}: tokens cross the network unencrypted; {remedy}"
        return None

    def unused(self) -> list[AccessScope]:
        """Return the scopes that no token has."""
        if not self.tokens.count:
            return []
        needed = [scope for scope in AccessScope if self.intake or scope != AccessScope.INTAKE]
        return [scope for scope in needed if scope not in self.tokens.scopes]


def listen_address_of(
    settings: Settings, environment: Mapping[str, str] = os.environ, *, intake: bool | None = None
) -> ListenAddress:
    """Return the address of a daemon with these settings.

    With a ``kafka`` section, it is a worker, which receives no records unless ``intake`` is true.

    Raises
    ------
    AddressError
        When a network could reach it without a token and the configuration does not insist on that, or when
        a token or certificate cannot be used.
    """
    section = "web" if settings.kafka else "local"
    given = settings.web if settings.kafka else settings.local
    accepts_records = not settings.kafka if intake is None else intake
    try:
        tokens = load_tokens(settings.tokens, environment)
        certificates = None if given.tls is None else Certificates(given.tls)
    except AccessTokenError as error:
        raise AddressError(str(error)) from None
    except CertificateError as error:
        raise AddressError(f"{section}.{error}") from None
    addresses = [("listen", given.listen), *([("tcp", given.tcp)] if accepts_records and given.tcp else [])]
    for name, address in addresses:
        if tokens.count or given.insecure or is_loopback(host_in(address)):
            continue
        variables = ", ".join(
            variable
            for scope, variable in {
                AccessScope.INTAKE: settings.tokens.intake_env,
                AccessScope.READ: settings.tokens.read_env,
                AccessScope.OPERATE: settings.tokens.operate_env,
            }.items()
            if scope is not AccessScope.INTAKE or accepts_records
        )
        raise AddressError(
            f"{section}.{name} {address}: open to the network without a lock; set tokens ({variables}, "
            f"or tokens.file; `uneri token` makes them), listen on 127.0.0.1, or insist with "
            f"{section}.insecure: true"
        )
    return ListenAddress(section, given.listen, tuple(given.hosts), tokens, certificates, accepts_records)
