"""TLS to the brokers: the authorities that are trusted, and the client's own certificate."""

import ssl
from typing import Any, Final, Self

import structlog

from config.secret import SecretError, SecretPlace, passphrase_in
from config.settings import KafkaSettings, KafkaTlsSettings
from streams.process.web.certificates import forgive, refuse_pipes, times_of, trust

CA: Final = "kafka.tls.ca"

log = structlog.get_logger("uneri.kafka")


def tls_context(kafka: KafkaSettings) -> ssl.SSLContext:
    """Return the context for all connections of a client.

    Its sockets close themselves when their handshake fails, and connections made after a file of the
    configuration was renewed use the new one.

    Raises
    ------
    SecretError
        When a file or its passphrase cannot be used.
    """
    return _RenewedContext.of(kafka.tls or KafkaTlsSettings())


class _RenewedContext(ssl.SSLContext):
    """Loads its files again when they have changed."""

    settings: KafkaTlsSettings
    read_at: list[int]  # when each file that was read had changed

    @classmethod
    def of(cls, tls: KafkaTlsSettings) -> Self:
        """Return the context of these settings."""
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        forgive(context)
        context.check_hostname = tls.verify_name
        context.sslsocket_class = _ClosingSocket
        if tls.ca is None:
            context.load_default_certs()
        context.settings, context.read_at = tls, times_of(tls.ca, tls.cert, tls.key)
        context.load()
        return context

    def load(self) -> None:
        """Read the files."""
        trust(self, self.settings.ca, CA)
        _load_certificate(self, self.settings)

    def _renew(self) -> None:
        times = times_of(self.settings.ca, self.settings.cert, self.settings.key)
        if times == self.read_at:
            return
        self.read_at = times
        try:
            _RenewedContext.of(self.settings)  # an error in one file must not leave a mixture
            self.load()
        except SecretError as error:
            log.error("the previous certificates stay in use", reason=str(error))  # noqa: TRY400 - one line
        else:
            log.info("certificates for Kafka renewed")

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        """As the base class does, with the newest files (kafka-python)."""
        self._renew()
        return super().wrap_socket(*arguments, **options)

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """As the base class does, with the newest files (aiokafka)."""
        self._renew()
        return super().wrap_bio(*arguments, **options)


class _ClosingSocket(ssl.SSLSocket):
    """Closes itself when its handshake fails."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError:
            self.close()
            raise


def _load_certificate(context: ssl.SSLContext, tls: KafkaTlsSettings) -> None:
    if tls.cert is None:
        return
    files = f"{tls.cert} and {tls.key}" if tls.key else tls.cert
    passphrase = secret(tls.key_password, "kafka.tls.key_password") if any(tls.key_password) else ""
    try:
        refuse_pipes(tls.cert, tls.key)
        # without a passphrase, OpenSSL would ask for one at the terminal
        context.load_cert_chain(tls.cert, tls.key, password=lambda: passphrase)
    except ssl.SSLError as error:
        raise SecretError(
            f"kafka.tls: {files} cannot be used ({error.reason or error}); give a PEM certificate and its "
            "own key, and if the key has a passphrase, kafka.tls.key_password_env or key_password_file"
        ) from None
    except OSError as error:
        raise SecretError(f"kafka.tls: {files} cannot be read ({error.strerror}); correct the path") from None


def secret(place: SecretPlace, setting: str) -> str:
    """Read a credential; an error names the setting, which has ``_env`` or ``_file`` behind ``setting``.

    Raises
    ------
    SecretError
        When there is none, or it is no usable text.
    """
    stated = f"{setting}_env" if place.file is None else f"{setting}_file"
    try:
        value = passphrase_in(place)
    except SecretError as error:
        raise SecretError(f"{stated}: {error}") from None
    if not value:
        raise SecretError(f"{stated}: the environment variable {place.variable or '(none named)'} is not set")
    return value
