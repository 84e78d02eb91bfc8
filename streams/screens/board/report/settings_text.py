"""Settings as YAML that can be shared."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from alerting.words.mrkdwn import clean
from config.settings import Settings
from config.yaml_tree import to_yaml

_ADDRESSES: Final = ("url", "base_url")
_WIDE: Final = 1000  # one value, one line


def differing(settings: Settings) -> str:
    r"""Return the changes to the shipped defaults as YAML, each with the shipped value.

    Examples
    --------
    >>> from config.settings import JudgeSettings
    >>> differing(Settings(judge=JudgeSettings(sensitivity=1.4)))
    'judge:\n  sensitivity: 1.4  # shipped: 1.0\n'
    >>> differing(Settings())
    ''
    """
    changed = settings.model_dump(mode="json", exclude_defaults=True)
    shipped = Settings().model_dump(mode="json")
    return "".join(f"{line}\n" for line in _lines(_shareable(changed), shipped, ""))


def effective(settings: Settings) -> str:
    """Return all effective settings as YAML."""
    return _yaml(_shareable(settings.model_dump(mode="json")))


def _shareable(value: Any, key: str = "") -> Any:
    """Return settings that can be shared: only the host of receivers' addresses.

    The settings name environment variables instead of secrets, but a webhook's address may be secret itself.
    """
    if isinstance(value, dict):
        return {name: _shareable(held, name) for name, held in value.items()}
    if isinstance(value, list):
        return [_shareable(held) for held in value]
    return _host_of(value) if key in _ADDRESSES and isinstance(value, str) else value


def _host_of(url: str) -> str:
    r"""Return an address without its secret parts.

    Examples
    --------
    >>> _host_of("https://hooks.slack.com/services/T0/B0/secret"), _host_of("http://u:p@alerts:9093")
    ('https://hooks.slack.com/…', 'http://alerts:9093')
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    rest = parts.path.strip("/") or parts.query or parts.fragment
    return f"{parts.scheme}://{host}" + ("/…" if rest else "")


def _lines(changed: Mapping[str, Any], shipped: Any, pad: str) -> Iterator[str]:
    for key, value in changed.items():
        default = shipped.get(key) if isinstance(shipped, dict) else None
        if isinstance(value, dict) and value:
            yield f"{pad}{_yaml(key).splitlines()[0]}:"
            yield from _lines(value, default, f"{pad}  ")
            continue
        written = [f"{pad}{line}" for line in _yaml({key: value}).splitlines()]
        if len(written) == 1 and isinstance(default, str | int | float):
            written[0] += f"  # shipped: {_yaml(default).splitlines()[0]}"
        yield from written


def _yaml(value: Any) -> str:
    written = to_yaml(value, width=_WIDE)
    if any(clean(line) != " ".join(line.split()) for line in written.splitlines()):
        # Characters that change the writing direction are escaped.
        written = to_yaml(value, width=_WIDE, ascii_only=True)
    return written
