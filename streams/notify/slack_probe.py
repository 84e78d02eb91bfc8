"""Checks at start whether Slack accepts the token, and retries until it does."""

import asyncio
from typing import Final

import structlog

from alerting.outbox.ports import Result
from alerting.sinks.slack import SlackSink
from alerting.sinks.slack_errors import trouble
from config.settings import SlackSettings

RETRY_SECONDS: Final = 15.0

log = structlog.get_logger("uneri.messenger")


class SlackProbe:
    """Whether Slack has accepted the token."""

    def __init__(self) -> None:
        self.not_ready: str | None = None  # why not

    async def run(self, sink: SlackSink, slack: SlackSettings) -> None:
        """Check the token until Slack accepts it; log the first failure and the success."""
        self.not_ready = "Slack has not answered yet"
        warned, kept = False, slack.token.name()
        while True:
            outcome = await sink.authorise()
            if outcome.result is Result.SENT:
                self.not_ready = None
                log.info("Slack accepted the token", channel=slack.channel)
                return
            unreachable = outcome.result in (Result.RETRY, Result.UNKNOWN)
            self.not_ready = (
                f"Slack {trouble(outcome)}"
                if unreachable
                else f"Slack refuses the token in {kept} ({outcome.error})"
            )
            if not warned:
                warned = True
                log.warning(
                    f"Slack {trouble(outcome, '')}; messages are kept, retrying"
                    if unreachable
                    else f"Slack refuses the token in {kept}; messages are kept until it is valid",
                    url=slack.base_url,
                    reason=outcome.error,
                )
            await asyncio.sleep(RETRY_SECONDS)
