"""Webhooks of GitHub about deployments."""

import re
from typing import Final, Literal

import msgspec

from streams.engine.decode.event import ChangeRecord, ScopeName
from streams.engine.decode.parse import stamp_of
from streams.ingest.formats.format import RefusalError, SkippedError, Surroundings

_TEXT: Final = msgspec.json.Decoder(str)
_ENDS: Final = {"success": "deployed", "failure": "deploy failed", "error": "deploy failed"}
"""Changes by status; with others a deployment is on its way, or a newer one took its place."""
_TAG: Final = re.compile(r"(?:refs/tags/)?(v?\d[\w.+-]*)", re.ASCII)
_SHA: Final = re.compile(r"[0-9a-f]{7,64}", re.ASCII)
_SHORT: Final = 7
_PRODUCTION: Final = frozenset({None, "", "production"})
_LONGEST_URL: Final = 1024


class _Login(msgspec.Struct):
    login: str | None = None


class _Deployment(msgspec.Struct):
    id: int | None = None
    sha: str | None = None
    ref: str | None = None
    environment: str | None = None
    payload: msgspec.Raw = msgspec.Raw()
    creator: _Login | None = None
    created_at: str | None = None
    transient_environment: bool | None = None


class _Status(msgspec.Struct):
    id: int | None = None
    state: str | None = None
    creator: _Login | None = None
    target_url: str | None = None
    log_url: str | None = None
    created_at: str | None = None


class _Repository(msgspec.Struct):
    name: str | None = None
    html_url: str | None = None


class GitHubDeployment(msgspec.Struct):
    """The fields of the webhooks ``deployment`` and ``deployment_status`` that are read."""

    deployment: _Deployment
    deployment_status: _Status | None = None
    repository: _Repository | None = None
    sender: _Login | None = None


class _Deploys(msgspec.Struct):
    service: str | None = None
    function: str | None = None


_DEPLOYS: Final = msgspec.json.Decoder(_Deploys)


def change_of_deployment(event: GitHubDeployment, around: Surroundings) -> ChangeRecord:
    """Return the change in a webhook.

    Raises
    ------
    SkippedError
        When its state is no end, or its environment is transient.
    RefusalError
        When it has no time.
    """
    deployment, status = event.deployment, event.deployment_status
    if deployment.transient_environment:
        raise SkippedError("transient environment")
    what = "deploy" if status is None else _ENDS.get(status.state or "")
    if what is None:
        raise SkippedError("another state")
    stamp = stamp_of((status or deployment).created_at)
    if isinstance(stamp, tuple):
        raise RefusalError(*stamp)
    if deployment.environment not in _PRODUCTION:
        what = f"{what} to {deployment.environment}"
    by = (status and status.creator) or deployment.creator or event.sender or _Login()
    return ChangeRecord(
        ts=stamp,
        id=_id(deployment, status),
        of=_of(event, around),
        what=what,
        version=_version(deployment),
        by=by.login,
        url=_url(event),
    )


def _id(deployment: _Deployment, status: _Status | None) -> str | None:
    if status is not None:
        return f"github:status/{status.id}" if status.id is not None else None
    return f"github:deployment/{deployment.id}" if deployment.id is not None else None


def _of(event: GitHubDeployment, around: Surroundings) -> ScopeName | None:
    deploys = _deploys(bytes(event.deployment.payload))
    repository = event.repository.name if event.repository else None
    names: tuple[tuple[Literal["function", "service"], str | None], ...] = (
        ("function", deploys.function),
        ("service", deploys.service),
        ("function", around.function),
        ("service", around.service),
        ("service", repository),
    )
    return next((ScopeName(kind, name) for kind, name in names if name), None)


def _deploys(payload: bytes) -> _Deploys:
    """Return the names in the deployment's own payload: an object, or a text of one, or anything else."""
    try:
        return _DEPLOYS.decode(_TEXT.decode(payload) if payload.startswith(b'"') else payload)
    except (ValueError, RecursionError):
        return _Deploys()


def _version(deployment: _Deployment) -> str | None:
    """Return a tag, else the beginning of the commit, else the branch."""
    ref = deployment.ref or ""
    tag = None if _SHA.fullmatch(ref) else _TAG.fullmatch(ref)
    if tag:
        return tag[1]
    return (deployment.sha or "")[:_SHORT] or ref or None


def _url(event: GitHubDeployment) -> str | None:
    status, repository = event.deployment_status or _Status(), event.repository or _Repository()
    commit = (
        repository.html_url
        and event.deployment.sha
        and f"{repository.html_url}/commit/{event.deployment.sha}"
    )
    urls = (status.log_url, status.target_url, commit)
    return next(
        (url for url in urls if url and url.startswith("https://") and len(url) <= _LONGEST_URL), None
    )
