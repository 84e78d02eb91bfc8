"""One HTTP session of a sink: opened on the loop that uses it, closed with the sink."""

from types import TracebackType
from typing import Self

import aiohttp

from alerting.sinks.no_answer import no_redirects


class Connected:
    """A sink that keeps its connections between calls.

    Parameters
    ----------
    timeout
        Total seconds for one call.
    headers
        Sent with every call.
    """

    def __init__(self, timeout: float, headers: dict[str, str] | None = None) -> None:
        self._timeout = timeout
        self._headers = headers
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:  # created here: it belongs to the running loop
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                headers=self._headers,
                trace_configs=[no_redirects()],
            )
        return self._session
