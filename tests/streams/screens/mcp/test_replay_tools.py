"""Results of replays are read from the folder that was named at the start, and from nowhere else."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from alerting.commands.labels import Label, LabelKind
from alerting.incidents.incident import Incident
from streams.offline.replay.output import ReplayOutput
from streams.offline.replay.replayed import Replayed
from tests.streams.screens.board.incidents.incidents_given import notice_of
from tests.streams.screens.mcp.assistant_given import NOW, Asked, asked_of, board_over, busy_board

FIRST, LAST = NOW - 14 * 86_400, NOW


def incident(name: str, identity: str, at: int, sent: str = "page") -> Incident:
    found = notice_of(name, at, identity).incident
    return replace(found, sent=sent, alerted=found.start + 90 if sent == "page" else None)


def replayed(*incidents: Incident) -> Replayed:
    return Replayed(incidents=list(incidents), first=FIRST, last=LAST, records=1)


@pytest.fixture(scope="module")
def replays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replays")
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "notes.txt").write_text("no replay")
    spike, fatal = incident("spike", "one", NOW - 7200), incident("fatal", "two", NOW - 3600, "digest")
    held = incident("absence", "three", NOW - 1800, "none")
    label = Label(start=spike.start, end=spike.start + 3600, kind=LabelKind.INCIDENT)
    names = ("uneri.yaml", "other.yaml")
    january = ReplayOutput.of([replayed(spike, fatal, held), replayed(fatal)], [label])
    january.write(folder / "january", source="events/", names=names, notes=[])
    february = ReplayOutput.of([replayed(spike)], None)
    february.write(folder / "february", source="events/", names=names, notes=[])
    return folder


@pytest.fixture
async def asked(replays: Path) -> AsyncIterator[Asked]:
    data = busy_board()
    async with board_over(data, data.service) as url, asked_of(url, replays=replays) as made:
        yield made


async def test_replays_are_listed_with_what_they_have(asked: Asked) -> None:
    data, words = await asked.answer("list_replays")
    assert [(replay["name"], replay["compared"], replay["labelled"]) for replay in data["replays"]] == [
        ("february", False, False),
        ("january", True, True),
    ]
    assert "«january»" in words


async def test_a_replay_says_what_would_have_been_reported_and_when(replays: Path, asked: Asked) -> None:
    data, words = await asked.answer("show_replay", replay="january")
    assert (data["pages"], data["digest"], data["not_sent"]) == (1, 1, 1)
    lines = [json.loads(line) for line in (replays / "january" / "incidents.jsonl").read_text().splitlines()]
    assert [
        (incident["id"], incident["observed"], incident["expected"], incident["sent"])
        for incident in data["incidents"]
    ] == [(line["id"], line["observed"], line["expected"], line["sent"]) for line in lines]
    assert data["report"] == str(replays / "january" / "report.html")
    assert data["incidents"][0]["caller"] == "function inventory-put-item"
    assert "would have called people at 2025-11-26T" in words
    assert words.startswith("Replay «january»: 1 page, 1 in the digest, 1 not sent.")


async def test_a_replay_compares_two_configurations_and_what_was_known(asked: Asked) -> None:
    data, words = await asked.answer("show_replay", replay="january")
    assert data["comparison"] == {
        "pages_a": 1,
        "pages_b": 0,
        "new_pages": [],
        "lost_pages": ["one"],
        "changed": 0,
        "alike": 1,
    }
    assert (data["evaluation"]["labels"], data["evaluation"]["missed"]) == (1, 0)
    assert "A against B: 1 and 0 pages; 0 new, 1 lost, 0 changed, 1 the same." in words
    other, _ = await asked.answer("show_replay", replay="january", against=True)
    assert [incident["id"] for incident in other["incidents"]] == ["two"]
    said = await asked.refused("show_replay", replay="february", against=True)
    assert said == "february was not compared with another configuration (replay --against)"


async def test_incidents_of_a_replay_are_chosen_by_filters(asked: Asked) -> None:
    for given, found in (
        ({"sent": "page"}, ["one"]),
        ({"about": "nightly"}, ["three"]),
        ({"most": 1}, ["one"]),
    ):
        data, _ = await asked.answer("show_replay", replay="january", **given)
        assert [incident["id"] for incident in data["incidents"]] == found
    assert data["left_out"] == {"incidents": 2}


@pytest.mark.parametrize("name", ["nope", "..", "../january", "january/../february", "/etc", "", "elsewhere"])
async def test_a_name_that_is_no_replay_of_the_folder_leads_nowhere(asked: Asked, name: str) -> None:
    said = await asked.refused("show_replay", replay=name)
    assert said.startswith("there is no replay ")
    assert said.endswith("; there are: february, january")


async def test_links_out_of_the_folder_are_not_followed(replays: Path, tmp_path: Path, asked: Asked) -> None:
    folder = tmp_path / "folder"
    (folder / "a").mkdir(parents=True)
    (folder / "linked").symlink_to(replays / "january")
    (folder / "a" / "incidents.jsonl").symlink_to(replays / "january" / "incidents.jsonl")
    async with asked_of(asked.url, replays=folder) as of_links:
        data, _ = await of_links.answer("list_replays")
        assert [replay["name"] for replay in data["replays"]] == ["a"]
        said = await of_links.refused("show_replay", replay="a")
        assert said == "a/incidents.jsonl leads elsewhere; only files of the folder are read"


async def test_what_is_no_replay_is_said_to_be_none(tmp_path: Path, asked: Asked) -> None:
    async with asked_of(asked.url, replays=tmp_path) as empty:
        _, words = await empty.answer("list_replays")
        assert words.startswith("There is no replay in the folder")
    (tmp_path / "incidents.jsonl").write_text("not json\n")
    async with asked_of(asked.url, replays=tmp_path) as broken:
        said = await broken.refused("show_replay")
        assert said == f"{tmp_path.name}/incidents.jsonl is not what uneri replay wrote; run the replay again"
    (tmp_path / "incidents.jsonl").write_text('{"id": 1}\n[]\n')
    async with asked_of(asked.url, replays=tmp_path) as odd:
        assert "run the replay again" in await odd.refused("show_replay")
