"""TLS: the certificate of a server, renewed while it runs, and the authorities that a client trusts."""

import asyncio
import errno
import ssl
from pathlib import Path
from typing import Final

import structlog

from config.secret import SecretError
from config.settings import TlsSettings

CHECK_SECONDS: Final = 60.0

log = structlog.get_logger("uneri.web")


class CertificateError(Exception):
    """The certificate or its key cannot be used."""


class Certificates:
    """The TLS context of a server, made of two files.

    Raises
    ------
    CertificateError
        When they cannot be read or do not belong together.
    """

    def __init__(self, tls: TlsSettings) -> None:
        self.context = _new_context()
        self._tls = tls
        self._seen = self._times()
        self.load()

    def load(self) -> None:
        """Read the files; handshakes from now on use them. An error changes nothing."""
        for context in (_new_context(), self.context):
            _load(context, self._tls)

    async def follow(self, every: float = CHECK_SECONDS) -> None:
        """Read the files again whenever they change, until cancelled."""
        while True:
            await asyncio.sleep(every)
            times = self._times()
            if times == self._seen:
                continue
            try:
                self.load()
            except CertificateError as error:
                log.error("the previous certificate stays in use", reason=str(error))  # noqa: TRY400 - one line
            else:
                log.info("certificate renewed", cert=self._tls.cert)
            self._seen = times

    def _times(self) -> list[int]:
        return times_of(self._tls.cert, self._tls.key)


def times_of(*files: str | None) -> list[int]:
    """Return when each of the named files changed last, nanoseconds; 0 for one that cannot be read."""
    times = []
    for name in filter(None, files):
        try:
            times.append(Path(name).stat().st_mtime_ns)
        except OSError:
            times.append(0)
    return times


def _new_context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    # A sender of lines reads no tickets; if it closes with some unread, its system resets the connection,
    # and its last lines are lost.
    context.num_tickets = 0
    return context


def _load(context: ssl.SSLContext, tls: TlsSettings) -> None:
    try:
        refuse_pipes(tls.cert, tls.key)
        # without a password, OpenSSL would ask for one at the terminal
        context.load_cert_chain(tls.cert, tls.key, password=lambda: "")
    except ssl.SSLError as error:
        raise CertificateError(
            f"tls: {tls.cert} and {tls.key} cannot be used ({error.reason or error}); give a PEM certificate "
            "and its own key, without a passphrase"
        ) from None
    except OSError as error:
        raise CertificateError(
            f"tls: {tls.cert} or {tls.key} cannot be read ({error.strerror}); correct the path"
        ) from None


def refuse_pipes(*files: str | None) -> None:
    """Raise ``OSError`` for what is there and no file: OpenSSL would wait for who writes to a pipe."""
    for file in filter(None, files):
        if (path := Path(file)).exists() and not path.is_file():
            raise OSError(errno.EINVAL, "it is not a file", file)


def forgive(context: ssl.SSLContext) -> None:
    """Accept the authorities of companies, which often lack extensions of RFC 5280, or are no roots."""
    strict, partial = ssl.VERIFY_X509_STRICT, ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags = (context.verify_flags & ~strict) | partial


def trust(context: ssl.SSLContext, file: str | None, setting: str) -> None:
    """Add the authorities of a file, named by a setting, to a context.

    Raises
    ------
    SecretError
        When the file cannot be used.
    """
    if file is None:
        return
    try:
        refuse_pipes(file)
        context.load_verify_locations(file)
    except ssl.SSLError as error:
        raise SecretError(
            f"{setting}: {file} holds no certificate in PEM format ({error.reason or error}); convert "
            "it, from a Java truststore with `keytool -exportcert -rfc`"
        ) from None
    except OSError as error:
        raise SecretError(f"{setting}: {file} cannot be read ({error.strerror}); correct the path") from None


def system_and(file: str | None, setting: str) -> ssl.SSLContext:
    """Return the context for a server whose authority may be the system's or that of a file.

    Raises
    ------
    SecretError
        When the file cannot be used.
    """
    context = ssl.create_default_context()
    forgive(context)
    trust(context, file, setting)
    return context
