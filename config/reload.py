"""A reload of the configuration: which settings change while a daemon runs, and which wait for a restart."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from config.settings import Section, Settings

RESTART: Final = (
    "time", "sources", "rollup", "redact", "dead_letters", "kafka", "local", "web", "history",
    "judge.weeks",
)  # fmt: skip
"""Sections and settings that are read at the start only: the others take effect at a reload."""

JUDGED: Final = ("judge", "floors", "limits", "calendar", "incidents", "digest")
"""Sections that findings, incidents and the time of the digest depend on."""


class EmptiedError(Exception):
    """A file that set something sets nothing any more, as one that is cut off while it is written."""

    def __str__(self) -> str:
        return "the file sets nothing any more; write it again, or restart the daemon to use the defaults"


class Reload(NamedTuple):
    """The settings of a file as far as a running daemon may adopt them.

    ``changed`` and ``restart`` name what differs from before, as ``section.setting``.
    """

    settings: Settings  # those of the file, except for what waits for a restart
    changed: tuple[str, ...]
    restart: tuple[str, ...]

    @property
    def judges_otherwise(self) -> bool:
        """Whether something changed that findings and incidents depend on."""
        return any(name.partition(".")[0] in JUDGED for name in self.changed)


def reload_of(running: Settings, read: Settings) -> Reload:
    """Compare the settings of a daemon with those that were read.

    Raises
    ------
    EmptiedError
        When all that was read are defaults, unlike those of the daemon.

    Examples
    --------
    >>> new = Settings.model_validate({"slack": {"channel": "#ops"}, "judge": {"weeks": 2, "persist": 3}})
    >>> found = reload_of(Settings(), new)
    >>> found.changed, found.restart, found.settings.judge.weeks
    (('judge.persist', 'slack.channel'), ('judge.weeks',), 4)
    """
    differing = list(_differing(running, read))
    if differing and read == Settings():
        raise EmptiedError
    restart = tuple(name for name in differing if _waits(name))
    update: dict[str, object] = {}
    for name in RESTART:
        section, _, setting = name.partition(".")
        if setting:
            kept = {setting: getattr(getattr(running, section), setting)}
            update[section] = getattr(read, section).model_copy(update=kept)
        else:
            update[section] = getattr(running, section)
    changed = tuple(name for name in differing if not _waits(name))
    return Reload(read.model_copy(update=update), changed, restart)


def _differing(running: Settings, read: Settings) -> Iterator[str]:
    for name in Settings.model_fields:
        before, after = getattr(running, name), getattr(read, name)
        if before == after:
            continue
        if isinstance(before, Section) and isinstance(after, Section):
            for setting in type(before).model_fields:
                if getattr(before, setting) != getattr(after, setting):
                    yield f"{name}.{setting}"
        else:
            yield name


def _waits(name: str) -> bool:
    return name in RESTART or name.partition(".")[0] in RESTART
