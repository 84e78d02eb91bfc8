"""Interning: each distinct combination of names of requests, and of table calls, has a small number."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from detectors.state.state import pack, unpack
from streams.decode.event import MAX_NAME_BYTES, EventClient

OTHER: Final = "other"
"""The name that new names are folded into once there are too many."""

PER_PART: Final = 1024
"""Names in one part of a snapshot; a full part never changes."""

VERSION: Final = 1


class Path(NamedTuple):
    """Where one request went and who sent it; empty where the event does not state it."""

    cloud: str
    account: str
    region: str
    service: str
    route: str
    function: str
    client: str
    version: str
    tenant: str


class Call(NamedTuple):
    """A table called on a path."""

    path: int
    table: str


RawPath = tuple[str | None, str | None, str | None, str | None, str | None, str | None, EventClient | None]
RawCall = tuple[int, str]


def cut(name: str | None) -> str:
    """Return the first ``MAX_NAME_BYTES`` of a name in UTF-8; empty for none.

    Examples
    --------
    >>> cut("é" * 200) == "é" * 128
    True
    """
    if not name:
        return ""
    if len(name) * 4 <= MAX_NAME_BYTES:
        return name
    return name.encode()[:MAX_NAME_BYTES].decode(errors="ignore")


class PathIds(dict[RawPath, int]):
    """Names as they are in an event -> path id. Look-up interns.

    Parameters
    ----------
    most
        How many paths keep their own names. Beyond it, new paths lose their client and tenant, after another
        tenth also their route and function, and finally everything but cloud and account.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self.names: list[Path] = []
        self.folded = 0  # events that were counted under ``OTHER``
        self._most = most
        self._room = max(1, most // 10)
        self._ids: dict[Path, int] = {}

    def __missing__(self, raw: RawPath) -> int:
        """Intern a combination in a form not seen before."""
        client = raw[6]
        cloud, account, region, service, route, function = [cut(name) for name in raw[:6]]
        path = Path(
            cloud,
            account,
            region,
            service or function,  # a function may stand for its service
            route,
            function,
            client=cut(client.name) if client else "",
            version=cut(client.version) if client else "",
            tenant=cut(client.tenant) if client else "",
        )
        found = self._ids.get(path)
        if found is None and len(self.names) >= self._most:
            self.folded += 1
            return self._fold(path)
        if found is None:
            found = self._add(path)
        if len(self) < 2 * self._most:  # a cache: names that differ only beyond the cut must not fill memory
            self[raw] = found
        return found

    def _fold(self, path: Path) -> int:
        for step in range(3):
            path = _folded(path, step)
            found = self._ids.get(path)
            if found is not None:
                return found
            if len(self.names) < self._most + (step + 1) * self._room:
                return self._add(path)
        path = Path("", "", "", OTHER, "", "", "", "", "")
        found = self._ids.get(path)
        return self._add(path) if found is None else found

    def _add(self, path: Path) -> int:
        self._ids[path] = found = len(self.names)
        self.names.append(path)
        return found

    def snapshot(self) -> dict[str, bytes]:
        """Return the names in parts, which no longer change once they are full."""
        return {
            f"paths/{first}": pack("paths", VERSION, self.names[first : first + PER_PART], {})
            for first in range(0, len(self.names), PER_PART)
        }

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Replace the names by those of a snapshot."""
        self.clear()
        self.names = []
        for part in _in_order(parts, "paths"):
            names, _ = unpack(part, "paths", VERSION, list[Path])
            self.names += names
        self._ids = {path: number for number, path in enumerate(self.names)}


def _folded(path: Path, step: int) -> Path:
    """Replace the names that vary most by ``OTHER``; absent names stay absent."""

    def other(name: str) -> str:
        return OTHER if name else ""

    path = path._replace(client=other(path.client), version="", tenant=other(path.tenant))
    if step > 0:
        path = path._replace(route=other(path.route), function=other(path.function))
    return path._replace(region="", service=OTHER) if step > 1 else path


class CallIds(dict[RawCall, int]):
    """(path id, table as it is in an event) -> call id.

    Parameters
    ----------
    most
        How many calls keep their tables' own names; beyond it, a new one is a call of ``OTHER``.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self.names: list[Call] = []
        self.folded = 0
        self._most = most
        self._ids: dict[Call, int] = {}

    def __missing__(self, raw: RawCall) -> int:
        """Intern a pair in a form not seen before."""
        call = Call(raw[0], cut(raw[1]))
        found = self._ids.get(call)
        if found is None and len(self.names) >= self._most:
            self.folded += 1
            call = Call(raw[0], OTHER)  # bounded: one per path
            found = self._ids.get(call)
            return self._add(call) if found is None else found
        if found is None:
            found = self._add(call)
        if len(self) < 2 * self._most:
            self[raw] = found
        return found

    def _add(self, call: Call) -> int:
        self._ids[call] = found = len(self.names)
        self.names.append(call)
        return found

    def snapshot(self) -> dict[str, bytes]:
        """Return the names in parts, which no longer change once they are full."""
        return {
            f"calls/{first}": pack("calls", VERSION, self.names[first : first + PER_PART], {})
            for first in range(0, len(self.names), PER_PART)
        }

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Replace the names by those of a snapshot."""
        self.clear()
        self.names = []
        for part in _in_order(parts, "calls"):
            names, _ = unpack(part, "calls", VERSION, list[Call])
            self.names += names
        self._ids = {call: number for number, call in enumerate(self.names)}


def _in_order(parts: Mapping[str, bytes], stem: str) -> list[bytes]:
    names = sorted(
        (name for name in parts if name.startswith(f"{stem}/")), key=lambda name: int(name.split("/")[1])
    )
    return [parts[name] for name in names]
