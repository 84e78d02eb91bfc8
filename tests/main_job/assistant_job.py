"""An assistant asks a whole daemon: the answers are what was counted from the events."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from tests.main_job.board_job import HOUR, Loaded
from tests.streams.screens.mcp.assistant_given import READING, answer_of, refusal, stdio_assistant


def ask(loaded: Loaded) -> None:
    """Compare the answers of ``uneri mcp`` with the events."""
    with ThreadPoolExecutor(1) as beside:  # the browser has an event loop in this thread
        beside.submit(lambda: asyncio.run(_ask(loaded))).result()


async def _ask(loaded: Loaded) -> None:
    counted, first, end = loaded.counted, loaded.end - HOUR, loaded.end - 2 * 60
    async with stdio_assistant(loaded.url.rstrip("/")) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == READING
        wall, _ = await answer_of(client, "is_all_well")
        at = int(datetime.fromisoformat(wall["at"]).timestamp())
        numbers = {number["name"]: number["value"] for number in wall["numbers"]}
        assert numbers["requests"] == len(counted.between(at - 60, at)) / 60
        assert wall["people_called"] == 1
        incident = loaded.incident()
        whole, words = await answer_of(client, "show_incident", incident=incident["id"])
        said_of, mean = whole["incident"], incident["added_up"]
        assert (said_of["observed"], said_of["expected"]) == (mean["observed"], mean["expected"])
        assert said_of["mean_seconds"] == mean["seconds"]
        assert "Caused by: function «inventory-put-item»" in words
        given = {"scope": "table:items", "since": str(first), "until": str(end)}
        callers, _ = await answer_of(client, "who_calls", **given, measure="wcu")
        [functions] = [caller for caller in callers["kinds"] if caller["kind"] == "function"]
        units = counted.by_function("items", "wcu", first, end)
        assert {
            function["about"]["scope"]: function["share"] for function in functions["neighbours"]
        } == pytest.approx(
            {f"function:{name}": amount / sum(units.values()) for name, amount in units.items()}, abs=1e-3
        )
        assert {function["because"] for function in functions["neighbours"]} & {"more calls", "more per call"}
        series, _ = await answer_of(client, "show_series", **given, measure="wcu", points=60)
        assert series["step_seconds"] == 60
        known = [counted.units("items", "wcu", at, at + 60) for at in range(first, end, 60)]
        assert [point["observed"] * 60 for point in series["points"]] == pytest.approx(
            known, rel=0.01, abs=0.06
        )
        assert [verdict["verdict"] for verdict in series["verdicts"]] == ["spike"]
        said = await refusal(client, "acknowledge_incident", incident=incident["id"], by="eve")
        assert "Unknown tool" in said
