"""GitHub's REST API for issues, as far as Uneri uses it, from the reference of version 2022-11-28."""

import json
import time
from typing import Any

from aiohttp import web

from tests.alerting.http_standin import HttpStandin

TOKEN = "ghp-canary-1414213562"  # noqa: S105  made up; tests look for it where it must not be


class GithubStandin(HttpStandin):
    """One repository, ``acme/backend``; ``refusals`` (status, headers, body) are answered one a call."""

    def __init__(self, now: Any = None) -> None:
        super().__init__(now)
        self.issues: list[dict[str, Any]] = []  # oldest first
        self.refusals: list[tuple[int, dict[str, str], str]] = []
        self.asked: list[str] = []  # methods and queries

    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        self.asked.append(f"{request.method} {request.query_string}".strip())
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"message": "Bad credentials"}, status=401)
        assert request.headers["X-GitHub-Api-Version"] == "2022-11-28"
        assert request.headers["Accept"] == "application/vnd.github+json"
        assert request.headers["User-Agent"], "GitHub refuses a request without one"
        if self.refusals:
            status, headers, text = self.refusals.pop(0)
            return web.Response(status=status, headers=headers, text=text, content_type="application/json")
        if request.path != "/repos/acme/backend/issues":
            return web.json_response({"message": "Not Found"}, status=404)
        if request.method == "GET":
            return self._list(request)
        given = json.loads(body)
        if not given.get("title") or len(given["title"]) > 256 or len(given["body"]) > 65_536:
            errors = [{"resource": "Issue", "field": "title", "code": "missing_field"}]
            return web.json_response({"message": "Validation Failed", "errors": errors}, status=422)
        return web.json_response(self.add(given["title"], given["body"]), status=201)

    def _list(self, request: web.Request) -> web.Response:
        query = request.query
        assert (query["state"], query["sort"], query["direction"]) == ("all", "created", "desc")
        each, page = int(query["per_page"]), int(query["page"])
        return web.json_response(self.issues[::-1][each * (page - 1) : each * page])

    def add(self, title: str, body: str | None = "", at: float | None = None, **more: Any) -> dict[str, Any]:
        number = len(self.issues) + 1
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() if at is None else at))
        issue = {
            "number": number,
            "title": title,
            "body": body,
            "state": "open",
            "created_at": created,
            "html_url": f"https://github.com/acme/backend/issues/{number}",
            **more,
        }
        self.issues.append(issue)
        return issue
