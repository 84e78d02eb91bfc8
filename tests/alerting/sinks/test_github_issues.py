"""Issues on GitHub: opened once, and every refusal one line with the remedy."""

from collections.abc import AsyncIterator

import pytest

from alerting.sinks.github_issues import LARGEST, PAGES, GithubIssues, IssueError, OpenedIssue, marker
from config.secret import SecretPlace
from tests.alerting.delivery_world import IMPATIENT, PATIENT
from tests.alerting.given import T0
from tests.alerting.sinks.github_standin import TOKEN, GithubStandin

ID = "5f1c09d27ab34e6680c1"
WRITES = "run it again later: it finds the issue if it was opened"


@pytest.fixture
async def standin() -> AsyncIterator[GithubStandin]:
    async with GithubStandin() as github:
        yield github


async def opened(
    standin: GithubStandin,
    incident: str = ID,
    repository: str = "acme/backend",
    patience: float = PATIENT,
    **more: str,
) -> OpenedIssue:
    token, body = more.pop("token", TOKEN), more.pop("body", "It *rose*.\n")
    place = SecretPlace("UNERI_GITHUB_TOKEN").name({})
    async with GithubIssues(
        f"{standin.url}/", token, token_name=place, timeout=patience, now=lambda: T0
    ) as github:
        assert TOKEN not in repr(github)
        return await github.open(repository, incident, T0, "SPIKE · table items", body)


async def refused(standin: GithubStandin, patience: float = PATIENT, **more: str) -> str:
    with pytest.raises(IssueError) as caught:
        await opened(standin, patience=patience, **more)
    said = str(caught.value)
    assert "\n" not in said
    assert TOKEN not in said
    return said


async def test_an_issue_is_opened_once_and_found_again_open_or_closed(standin: GithubStandin) -> None:
    url = "https://github.com/acme/backend/issues/1"
    assert await opened(standin) == OpenedIssue(url, "open", existed=False)
    (issue,) = standin.issues
    assert issue["title"] == "SPIKE · table items"
    assert issue["body"] == f"It *rose*.\n\n{marker(ID)}\n"
    assert await opened(standin) == OpenedIssue(url, "open", existed=True)
    issue["state"] = "closed"
    assert await opened(standin) == OpenedIssue(url, "closed", existed=True)
    assert (await opened(standin, incident="another")).url.endswith("/2")
    assert len(standin.issues) == 2


async def test_an_issue_that_only_speaks_of_the_incident_is_not_taken_for_its_own(
    standin: GithubStandin,
) -> None:
    standin.add("see", f"incident {ID}")
    standin.add("no body", None)
    standin.add("fix", marker(ID), pull_request={"url": "https://github.com/acme/backend/pull/3"})
    assert not (await opened(standin)).existed


async def test_it_is_found_behind_hundreds_of_newer_ones_and_older_pages_are_not_read(
    standin: GithubStandin,
) -> None:
    for _ in range(300):
        standin.add("before", at=T0 - 10 * 86400)
    standin.add("its own", marker(ID), at=T0 + 60)
    for _ in range(250):
        standin.add("after", at=T0 + 3600)
    assert (await opened(standin)).existed
    assert len(standin.asked) == 3
    standin.asked.clear()
    assert not (await opened(standin, incident="another")).existed
    assert [text[:3] for text in standin.asked] == ["GET", "GET", "GET", "POS"]


async def test_of_too_many_issues_none_is_opened_twice(standin: GithubStandin) -> None:
    for _ in range(PAGES * 100):
        standin.add("after", at=T0 + 3600)
    assert "too many to look through" in await refused(standin)
    assert len(standin.issues) == PAGES * 100


async def test_when_the_answer_is_lost_the_next_run_finds_the_issue(standin: GithubStandin) -> None:
    standin.faults.extend(["fine", "hang"])
    said = await refused(standin, patience=IMPATIENT)
    assert said == f"GitHub does not answer at {standin.url} (no answer in time); {WRITES}"
    standin.faults.extend(["fine", "drop after"])
    assert WRITES in await refused(standin, incident="another")
    assert (await opened(standin)).existed
    assert (await opened(standin, incident="another")).existed
    assert len(standin.issues) == 2


async def test_a_body_beyond_github_s_limit_ends_at_a_whole_line(standin: GithubStandin) -> None:
    await opened(standin, body="a line of text\n" * 5000)
    body = standin.issues[0]["body"]
    assert body.startswith("a line of text\n")
    assert body.endswith(f"a line of text\n\n…\n\n{marker(ID)}\n")
    assert LARGEST - 20 < len(body) < 65_536
    assert (await opened(standin)).existed


RESET = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(T0 + 720)}


@pytest.mark.parametrize(
    ("status", "headers", "body", "said"),
    [
        (401, {}, "", "GitHub does not accept the token in UNERI_GITHUB_TOKEN; set a valid one"),
        (403, {}, "", "the token in UNERI_GITHUB_TOKEN may not write issues in acme/backend; allow it to"),
        (403, RESET, "", "GitHub's rate limit is reached; try again in 12 min"),
        (403, {"retry-after": "90"}, "", "GitHub's rate limit is reached; try again in 2 min"),
        (429, {}, "", "GitHub's rate limit is reached; try again in 1 min"),
        (
            404,
            {},
            "",
            "GitHub knows no acme/backend, or the token in UNERI_GITHUB_TOKEN may not see it; check both",
        ),
        (410, {}, "", "acme/backend takes no issues; enable them in its settings, or name another"),
        (
            422,
            {},
            '{"message": "Validation Failed", "errors": [{"field": "title"}, {"message": "is\\nbad"}]}',
            "GitHub refuses the issue (Validation Failed, title, is bad); open it by hand",
        ),
        (
            422,
            {},
            "[]",
            "GitHub refuses the issue (without a reason); open it by hand, from `uneri incident`",
        ),
        (418, {}, '{"message": "<b>"}', "GitHub answers HTTP 418 (<b>); check export.github_url"),
        (502, {}, "<html>", f"GitHub answers HTTP 502; {WRITES}"),
        (200, {}, "<html>", "does not answer as GitHub does; check export.github_url"),
        (
            301,
            {"Location": "https://elsewhere.example"},
            "",
            "GitHub answers HTTP 301: acme/backend has moved",
        ),
    ],
)
async def test_a_refusal_is_one_line_with_the_remedy(
    standin: GithubStandin, status: int, headers: dict[str, str], body: str, said: str
) -> None:
    standin.refusals.append((status, headers, body))
    assert said in await refused(standin)
    assert standin.issues == []


async def test_a_wrong_token_an_unknown_repository_and_nobody_at_all_are_one_line(
    standin: GithubStandin,
) -> None:
    assert "does not accept the token" in await refused(standin, token="ghp-other")  # noqa: S106
    assert "GitHub knows no acme/other" in await refused(standin, repository="acme/other")
    standin.url = "http://127.0.0.1:1"
    assert await refused(standin) == (
        "GitHub does not answer at http://127.0.0.1:1 (cannot connect, connection refused); try again later"
    )
