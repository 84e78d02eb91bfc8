"""Whether Slack takes our messages: asked at the start, until it does."""

import asyncio
from typing import Final

import structlog

from alerting.outbox.sink import Result
from alerting.sinks.slack import SlackSink
from config.settings import SlackSettings

RETRY_SECONDS: Final = 15.0

log = structlog.get_logger("uneri.messenger")


class Greeting:
    """What Slack answered to the question whether the token is good."""

    def __init__(self) -> None:
        self.not_ready: str | None = None  # why it is not known to be

    async def run(self, sink: SlackSink, slack: SlackSettings) -> None:
        """Find out whether Slack takes our messages, say it once, and once more when it does."""
        self.not_ready = "Slack has not answered yet"
        complained = False
        while True:
            outcome = await sink.authorise()
            if outcome.result is Result.SENT:
                self.not_ready = None
                log.info("Slack answers", channel=slack.channel)
                return
            waits = outcome.result in (Result.RETRY, Result.UNKNOWN)
            self.not_ready = (
                f"Slack does not answer ({outcome.error})"
                if waits
                else f"Slack refuses the token in {slack.token_env} ({outcome.error})"
            )
            if not complained:
                complained = True
                log.warning(
                    "Slack does not answer; messages are kept, trying again"
                    if waits
                    else f"Slack refuses the token in {slack.token_env}; messages are kept until it is good",
                    url=slack.base_url,
                    reason=outcome.error,
                )
            await asyncio.sleep(RETRY_SECONDS)
