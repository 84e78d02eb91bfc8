"""E-mail as a sink: one mail when an incident begins, becomes more severe and ends, in one thread (SMTP)."""

import asyncio
import smtplib
import socket
import ssl
from collections.abc import Iterable
from contextlib import suppress
from email import policy
from email.message import EmailMessage
from email.utils import formatdate
from functools import cached_property
from typing import Any, ClassVar, Final

import structlog

from alerting.incidents.notice import identify
from alerting.messages.alarm import Alarm
from alerting.outbox.ports import DeliveryOutcome, Result
from alerting.outbox.row import OutboxRow
from alerting.sinks.alarm_sink import AlarmSink, Verb
from alerting.sinks.http_sink import USUAL, HttpCall, HttpOptions, no_answer
from config.settings import EmailSettings

log = structlog.get_logger(__name__)
_PERMANENT: Final = 500  # replies of SMTP from here on; what is below may pass (RFC 5321, 4.2.1)


class EmailSink(AlarmSink):
    """Sends mails through one server; ``secret`` is the password of its user, if it has one."""

    VERBS: ClassVar = dict.fromkeys((Verb.OPEN, Verb.RISE, Verb.CLOSE), "mail")

    def __init__(
        self,
        destination: str,
        url: str,
        secret: str,
        options: HttpOptions = USUAL,
        kept: str = "",
        *,
        settings: EmailSettings,
    ) -> None:
        super().__init__(destination, url, secret, options, kept)
        self._settings = settings

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def call(self, _: str, of: Alarm, __: str) -> HttpCall:
        """Return a mail. A repeat has its id, and all about an incident refer to one that nobody gets."""
        domain, mail = self._settings.sender.partition("@")[2], EmailMessage(policy=policy.SMTP)
        mail["Subject"], mail["From"] = of.title, self._settings.sender
        mail["To"], mail["Date"] = ", ".join(self._settings.to), formatdate(self._now())
        mail["Message-ID"] = f"<{identify(of)}@{domain}>"
        mail["In-Reply-To"] = mail["References"] = f"<{of.id}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        figures, links = (
            "".join(f"{label}: {text}\n" for label, text in texts.items()) for texts in (of.figures, of.links)
        )
        mail.set_content(f"{of.why}\n\n{figures}\n{links}")
        return HttpCall(self._url, mail.as_bytes())

    async def send(self, row: OutboxRow, calls: Iterable[HttpCall]) -> DeliveryOutcome:
        """Send the mails of a row: one, or none."""
        for call in calls:
            opened: list[smtplib.SMTP] = []
            try:
                async with asyncio.timeout(self._timeout):
                    await asyncio.to_thread(self._hand_over, call.body, opened)
            except Exception as error:  # noqa: BLE001  whatever went wrong, the outbox needs an outcome
                return outcome_of(error, self._kept)
            finally:
                for server in opened:
                    _hang_up(server)
        return self.accepted(row, DeliveryOutcome(result=Result.SENT))

    def _hand_over(self, mail: bytes, opened: list[smtplib.SMTP]) -> None:
        settings = self._settings
        host, _, port = settings.server.rpartition(":")
        own = settings.sender.partition("@")[2]  # to look up the name of this machine may take long
        named: dict[str, Any] = {"local_hostname": own, "timeout": self._timeout}
        if settings.tls == "tls":
            server: smtplib.SMTP = _TlsServer(opened, host, int(port), context=self._context, **named)
        else:
            server = _Server(opened, host, int(port), **named)
        if settings.tls == "starttls":
            server.starttls(context=self._context)
        if settings.user is not None:
            server.login(settings.user, self._secret)
        refused = server.sendmail(settings.sender, settings.to, mail)
        if refused:
            log.warning("a mail reaches some of its addresses only", refused=sorted(refused))
        with suppress(smtplib.SMTPException, OSError):  # the server has the mail
            server.quit()


class _Known:
    """Makes a connection known before it is made, so that it can be closed while a server talks on."""

    def __init__(self, opened: list[Any], *given: Any, **named: Any) -> None:
        opened.append(self)
        super().__init__(*given, **named)


class _Server(_Known, smtplib.SMTP):
    pass


class _TlsServer(_Known, smtplib.SMTP_SSL):
    pass


def _hang_up(server: smtplib.SMTP) -> None:
    if server.sock is not None:
        with suppress(OSError):  # it is closed already
            server.sock.shutdown(socket.SHUT_RDWR)
    server.close()


def outcome_of(error: Exception, kept: str) -> DeliveryOutcome:
    """Return the outcome of an error, without the words of the server; ``kept`` is where the password is."""
    if isinstance(error, smtplib.SMTPNotSupportedError):
        why = "the server offers no STARTTLS, or no login; check tls and user"
        return DeliveryOutcome(result=Result.ROUTE, error=why)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, why = min(code for code, _ in error.recipients.values()), "every address is refused; check to"
    elif isinstance(error, smtplib.SMTPAuthenticationError):
        code, why = error.smtp_code, f"the login is refused; check the secret in {kept}"
    elif isinstance(error, smtplib.SMTPResponseException):
        code, why = error.smtp_code, "the server refuses mails; check sender"
    else:
        return DeliveryOutcome(result=Result.RETRY, error=no_answer(error))
    if code < _PERMANENT:
        return DeliveryOutcome(result=Result.RETRY, error=f"SMTP {code}")
    result = Result.REFUSED if isinstance(error, smtplib.SMTPDataError) else Result.ROUTE
    return DeliveryOutcome(result=result, error=f"SMTP {code}: {why}")
