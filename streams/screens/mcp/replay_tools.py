"""The tools that read results of replays, from one folder on the machine of the server."""

import asyncio
from pathlib import Path
from typing import Annotated, Final, Literal

from mcp.server.mcpserver import MCPServer
from mcp.types import CallToolResult
from pydantic import Field

from streams.screens.mcp.reading_tools import READS
from streams.screens.mcp.replay_folders import ReplayFolders
from streams.screens.mcp.replays_tool import MOST, ReplayData, ReplaysData, tell_replay, tell_replays
from streams.screens.mcp.tool_failures import or_refused

NO_REPLAY: Final = "the folder holds something else than uneri replay wrote; run the replay again"


def add_replay_tools(server: MCPServer, folder: Path) -> None:
    """Give a server the tools that read replays below a folder."""
    folders = ReplayFolders(folder)

    async def list_replays() -> Annotated[CallToolResult, ReplaysData]:
        """List the replays that can be asked for: recorded history, run through the engine."""
        return await or_refused(asyncio.to_thread(tell_replays, folders))

    async def show_replay(
        replay: Annotated[str, Field(description="its name; empty if there is but one")] = "",
        sent: Annotated[
            Literal["", "page", "digest", "none"],
            Field(description="what would have become of an incident; empty for all"),
        ] = "",
        about: Annotated[str, Field(description="a part of the name that it is about; empty for all")] = "",
        against: Annotated[
            bool, Field(description="list the incidents of the second configuration (B) that was compared")
        ] = False,
        most: Annotated[int, Field(ge=1, le=MOST, description="how many to list")] = 20,
    ) -> Annotated[CallToolResult, ReplayData]:
        """Show what a replay says: what would have been reported, and when.

        Also how two configurations differ, and what was found of known incidents.
        """
        answer = asyncio.to_thread(tell_replay, folders, replay, sent, about, most, against=against)
        return await or_refused(answer, NO_REPLAY)

    server.add_tool(list_replays, annotations=READS)
    server.add_tool(show_replay, annotations=READS)
