"""What becomes of a tool's failure: one line with the remedy, as an answer that says so."""

from collections.abc import Awaitable

import msgspec
import structlog
from mcp.types import CallToolResult

from streams.screens.mcp.board_client import BoardAnswerError
from streams.screens.mcp.tool_answer import refused

log = structlog.get_logger("uneri.assistant")

OTHER_VERSION = (
    "the daemon answers what this version of uneri mcp does not understand; use the same version of both"
)


async def or_refused(
    answer: Awaitable[CallToolResult], not_understood: str = OTHER_VERSION
) -> CallToolResult:
    """Return the answer of a tool, or why there is none.

    ``not_understood`` is what to say of data that are not in the form that they should have.
    """
    try:
        return await answer
    except BoardAnswerError as error:
        return refused(str(error))
    except (KeyError, TypeError, ValueError, AttributeError, msgspec.ValidationError) as error:
        log.warning("not understood", error=repr(error)[:200])
        return refused(not_understood)
