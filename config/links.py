"""The links of a message: console, metrics and logs of its scope, in the alert's time range."""

import functools
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import resources
from typing import Final

from config import settings
from config.template import RUNBOOK_PLACEHOLDERS, Template
from config.yaml_tree import read_tree

ANY: Final = "any"
"""The cloud whose templates apply to every cloud."""

_CLASS: Final = re.compile(r"[A-Za-z_][\w.$:]{0,199}", re.ASCII)  # it goes into the text of a query
_REQUEST: Final = re.compile(r"[\w.:=+-]{4,200}", re.ASCII)  # so does this

LATEST: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()


class Links:
    """URLs by cloud and kind: the shipped templates, overridden by those of the configuration.

    Examples
    --------
    >>> links = Links(settings.LinksSettings())
    >>> links.url("table", cloud="aws", account="1", region="eu-west-1", name="items", start=0, end=60)
    'https://eu-west-1.console.aws.amazon.com/dynamodbv2/home?region=eu-west-1#table?name=items&tab=monitoring'
    """

    def __init__(self, settings: settings.LinksSettings) -> None:
        self._board = settings.board
        self._templates: dict[str, dict[str, Template | None]] = {
            cloud: dict(kinds) for cloud, kinds in _shipped().items()
        }
        own = settings.templates
        for cloud, texts in own.items():
            templates = {kind: Template(text) if text else None for kind, text in texts.items()}
            self._templates.setdefault(cloud, {}).update(templates)
        anywhere = self._templates.pop(ANY, {})
        for cloud, templates in self._templates.items():
            templates.update(
                {kind: link for kind, link in anywhere.items() if kind not in own.get(cloud, {})}
            )
        self._anywhere = anywhere
        self._runbooks = {
            key: Template(text, RUNBOOK_PLACEHOLDERS) if text else None
            for key, text in settings.runbooks.items()
        }

    def kinds(self, scope: str, *, cloud: str) -> tuple[str, ...]:
        """Return the kinds of link for a kind of scope in a cloud, the plain one first.

        Examples
        --------
        >>> Links(settings.LinksSettings()).kinds("function", cloud="aws")
        ('function', 'function_errors', 'function_exception', 'function_logs', 'function_metrics')
        """
        templates = self._templates.get(cloud, self._anywhere)
        return tuple(
            sorted(kind for kind, link in templates.items() if link and kind.partition("_")[0] == scope)
        )

    def url(
        self,
        kind: str,
        *,
        cloud: str,
        account: str,
        region: str,
        name: str,
        start: float,
        end: float,
        version: str = "",
        status: str = "500",
        error: str = "",
        request: str = "",
        trace: str = "",
    ) -> str | None:
        """Return the link of a kind, or None without a template or a value that it needs.

        ``start`` and ``end`` are epoch seconds. ``status`` is the lowest status that logs are filtered for,
        ``error`` the exception; one that is not a class name gives no link. ``request`` is the id of one
        request in its logs, ``trace`` that of its trace, 32 hexadecimal digits. The result is an ``https``
        URL of printable ASCII without spaces, quotes, angle brackets, bars or backslashes, whatever the name
        holds.
        """
        template = self._templates.get(cloud, self._anywhere).get(kind)
        if template is None:
            return None
        values = {"name": name, "version": version, "account": account, "region": region, "status": status}
        values |= {"id": request if _REQUEST.fullmatch(request) else "", "trace": trace}
        values["xray"] = f"1-{trace[:8]}-{trace[8:]}" if trace else ""
        values["error"] = error if _CLASS.fullmatch(error) else ""
        return template.fill(values | _times("from", start) | _times("to", end))

    def incident(self, identity: str) -> str | None:
        """Return the address of an incident on the board, None if the board has none.

        Examples
        --------
        >>> Links(settings.LinksSettings(board="https://uneri.example/")).incident("5f1c")
        'https://uneri.example/?incident=5f1c'
        """
        return None if self._board is None else f"{self._board.rstrip('/')}/?incident={identity}"

    def runbook(
        self, *, verdict: str, kind: str, label: str, start: float, end: float, values: Mapping[str, str]
    ) -> str | None:
        """Return the link to the runbook, or None without a template or a value that it needs.

        The template is that of the scope (``kind:label``), else of the verdict, the kind of scope, or any.
        ``values`` are those of the other placeholders, by name.

        Examples
        --------
        >>> links = Links(settings.LinksSettings(runbooks={"any": "https://wiki.example/{kind}/{verdict}"}))
        >>> links.runbook(verdict="spike", kind="table", label="items", start=0, end=60, values={})
        'https://wiki.example/table/spike'
        """
        for key in (f"{kind}:{label}", verdict, kind, ANY):
            if key in self._runbooks:
                template = self._runbooks[key]
                given = {**values, "verdict": verdict, "kind": kind}
                times = _times("from", start) | _times("to", end)
                return None if template is None else template.fill(given | times)
        return None


def _times(edge: str, at: float) -> dict[str, str]:
    milliseconds = round(min(max(at, 0.0), LATEST) * 1000)
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return {
        f"{edge}_ms": str(milliseconds),
        f"{edge}_s": str(milliseconds // 1000),
        f"{edge}_iso": f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z",
    }


@functools.cache
def _shipped() -> dict[str, dict[str, Template]]:
    text = resources.files("config").joinpath("links.yaml").read_text(encoding="utf-8")
    written = settings.LinksSettings(templates=read_tree(text).data)
    return {
        cloud: {kind: Template(url) for kind, url in kinds.items()}
        for cloud, kinds in written.templates.items()
    }
