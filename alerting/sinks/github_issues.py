"""Opens an issue about an incident through GitHub's REST API, once.

From GitHub's reference (REST API, "Issues", version 2022-11-28): issues are listed with the newest first,
pull requests among them; a rate limit is 403 or 429 with ``retry-after``, or ``x-ratelimit-remaining: 0``
with the epoch second ``x-ratelimit-reset``; a repository that the token cannot see is 404; one without issues
is 410.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple, TypeVar

import aiohttp
import msgspec

from alerting.sinks.http_sink import AGENT, TIMEOUT, HttpClient, RedirectError, host_of, no_answer
from alerting.words.mrkdwn import clean, cut

REPOSITORY: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/[A-Za-z0-9._-]{1,100}")
LARGEST: Final = 60_000  # characters of a body; GitHub takes 65,536
PAGES: Final = 20  # of a hundred issues each
_EACH: Final = 100
_DAY: Final = 86400
_VERSION: Final = "2022-11-28"
_AGAIN: Final = "run it again later: it finds the issue if it was opened"
_LONGEST_REASON: Final = 200  # characters of a reason that GitHub gives

Answer = TypeVar("Answer")


class IssueError(Exception):
    """GitHub refuses or does not answer; the message is one line with the remedy, and holds no secret."""


class OpenedIssue(NamedTuple):
    """The issue about an incident; ``existed`` if it was there before."""

    url: str
    state: str  # open or closed
    existed: bool


class _Issue(msgspec.Struct):
    html_url: str
    state: str
    created_at: str
    body: str | None = None
    pull_request: dict[str, Any] | None = None


class GithubIssues(HttpClient):
    """Issues of repositories, as one token may see and open them.

    Parameters
    ----------
    url
        Base of the API, such as ``https://api.github.com``.
    token_name
        Its name in errors, instead of the token.
    timeout
        Total seconds for one call.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        token_name: str,
        timeout: float = TIMEOUT,
        now: Callable[[], float] = time.time,
    ) -> None:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {token}",
            "User-Agent": AGENT,
            "X-GitHub-Api-Version": _VERSION,
        }
        super().__init__(timeout, headers)
        self._url = url.rstrip("/")
        self._token_name = token_name
        self._now = now

    def __repr__(self) -> str:
        return f"GithubIssues({host_of(self._url)!r})"

    async def open(self, repository: str, incident: str, since: int, title: str, body: str) -> OpenedIssue:
        """Open an issue, or return the one that is there already.

        Parameters
        ----------
        repository
            ``owner/name``.
        since
            When the incident began, epoch seconds: no issue about it is older.

        Raises
        ------
        IssueError
            When GitHub refuses, or does not answer.
        """
        mark = marker(incident)
        found = await self._find(repository, mark, since)
        if found is not None:
            return OpenedIssue(found.html_url, found.state, existed=True)
        whole = {"title": title, "body": f"{_cut_lines(body)}\n{mark}\n"}
        made = await self._call("POST", f"/repos/{repository}/issues", repository, _Issue, body=whole)
        return OpenedIssue(made.html_url, made.state, existed=False)

    async def _find(self, repository: str, mark: str, since: int) -> _Issue | None:
        oldest = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(max(0, since - _DAY)))
        for page in range(1, PAGES + 1):
            query = f"state=all&sort=created&direction=desc&per_page={_EACH}&page={page}"
            path = f"/repos/{repository}/issues?{query}"
            issues = await self._call("GET", path, repository, list[_Issue])
            for issue in issues:
                if issue.pull_request is None and mark in (issue.body or ""):
                    return issue
            if len(issues) < _EACH or issues[-1].created_at < oldest:
                return None
        raise IssueError(
            f"{repository} has more than {PAGES * _EACH:,} issues since the incident began, too many to look "
            "through for one about it; open it by hand, from `uneri incident`"
        )

    async def _call(
        self, method: str, path: str, repository: str, kind: type[Answer], body: object = None
    ) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        host = host_of(self._url)
        try:
            async with self._open().request(method, f"{self._url}{path}", data=data) as answer:
                answered, status, headers = await answer.read(), answer.status, answer.headers
        except RedirectError as error:
            raise IssueError(
                f"GitHub answers HTTP {error.status}: {repository} has moved, or export.github_url has; "
                "name the new place"
            ) from None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            then = _AGAIN if method == "POST" else "try again later"
            raise IssueError(f"GitHub does not answer at {host} ({no_answer(error)}); {then}") from None
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise IssueError(self._refusal(status, headers, answered, repository))
        try:
            return msgspec.json.decode(answered, type=kind)
        except (ValueError, RecursionError):
            raise IssueError(f"{host} does not answer as GitHub does; check export.github_url") from None

    def _refusal(self, status: int, headers: Mapping[str, str], answered: bytes, repository: str) -> str:
        wait = self._wait(headers)
        if status == HTTPStatus.TOO_MANY_REQUESTS or (status == HTTPStatus.FORBIDDEN and wait is not None):
            return f"GitHub's rate limit is reached; try again in {max(1, round((wait or 60) / 60))} min"
        token, by_hand = f"the token in {self._token_name}", "open it by hand, from `uneri incident`"
        known = {
            HTTPStatus.UNAUTHORIZED: f"GitHub does not accept {token}; set a valid one",
            HTTPStatus.FORBIDDEN: f"{token} may not write issues in {repository}; allow it to",
            HTTPStatus.NOT_FOUND: f"GitHub knows no {repository}, or {token} may not see it; check both",
            HTTPStatus.GONE: f"{repository} takes no issues; enable them in its settings, or name another",
            HTTPStatus.UNPROCESSABLE_ENTITY: f"GitHub refuses the issue ({_reason(answered)}); {by_hand}",
        }
        if status in known:
            return known[HTTPStatus(status)]
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return f"GitHub answers HTTP {status}; {_AGAIN}"
        return f"GitHub answers HTTP {status} ({_reason(answered)}); check export.github_url"

    def _wait(self, headers: Mapping[str, str]) -> float | None:
        """Return the seconds until a rate limit ends, None if the answer is about something else."""
        after, left, reset = (
            headers.get(name, "") for name in ("retry-after", "x-ratelimit-remaining", "x-ratelimit-reset")
        )
        if after.isdecimal():
            return float(after)
        if left == "0" and reset.isdecimal():
            return max(0.0, float(reset) - self._now())
        return None


def marker(incident: str) -> str:
    """Return the end of an issue about an incident: invisible, and in no other issue.

    Examples
    --------
    >>> marker("5f1c09d27ab34e6680c1")
    '<!-- uneri incident 5f1c09d27ab34e6680c1 -->'
    """
    return f"<!-- uneri incident {incident} -->"


def _cut_lines(body: str) -> str:
    """Return a body short enough for GitHub, without its last lines if it is too long."""
    if len(body) <= LARGEST:
        return body
    return body[: body.rindex("\n", 0, LARGEST)] + "\n\n…\n"


def _reason(answered: bytes) -> str:
    """Return the reason in an answer of GitHub, as one short line."""
    try:
        answer = json.loads(answered)
        errors = [
            str(problem.get("message") or problem.get("field") or "")
            for problem in answer.get("errors") or []
        ]
        text = ", ".join(part for part in (str(answer["message"]), *errors) if part)
    except (ValueError, KeyError, TypeError, AttributeError):
        text = "without a reason"
    return cut(clean(text), _LONGEST_REASON)
