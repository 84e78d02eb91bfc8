"""A full configuration, spoilt in every way the schema offers, is refused at the place that was spoilt."""

import json
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from config.load import ConfigError, annotation_at, load_settings, sections_of
from config.sections.sources import InputSettings
from config.settings import Settings

FULL: dict[str, Any] = {
    **Settings().model_dump(exclude={"kafka", "limits", "money", "accounts", "links"}),
    "kafka": {
        "brokers": ["a:9092", "b:9092"],
        "app": "uneri",
        "requests": "requests",
        "keep": 35,
        "shards": 4,
        "replication": 3,
        "security": "sasl_ssl",
        "sasl_mechanism": "PLAIN",
        "username_env": "KAFKA_USER",
        "username_file": "/run/secrets/kafka-user",
        "password_env": "KAFKA_PASSWORD",
        "password_file": "./kafka-password",
        "tls": {
            "ca": "ca.pem",
            "cert": "client.pem",
            "key": "client.key",
            "key_password_env": "KEY_PASSWORD",
            "key_password_file": "/run/secrets/key",
            "verify_name": True,
        },
        "oauth": {
            "token_url": "https://login.example/token",
            "client_id": "uneri",
            "client_secret_env": "CLIENT_SECRET",
            "client_secret_file": "/run/secrets/client",
            "scope": "kafka",
            "audience": "kafka",
            "extensions": {"logicalCluster": "lkc-1"},
        },
        "iam": {"region": "eu-west-1", "role": "arn:aws:iam::123456789012:role/uneri"},
        "worker_env": "WORKER_NAME",
    },
    "limits": {
        "tables": {"items": {"rcu": 10.0, "wcu": 5.0}, "1/items": {"rcu": 3.5, "wcu": 2}},
        "functions": {"put": 100, "1/put": 20.5},
        "accounts": {"123456789012": 1000},
        "levels": {"lambda.concurrent_executions": 1000},
    },
    "money": {
        "count": True,
        "prices": [
            {
                "item": "lambda_request",
                "price": 1.8e-7,
                "since": "2026-01-01",
                "account": "1",
                "region": "eu-west-1",
                "source": "contract",
            }
        ],
        "functions": [
            {
                "match": "inventory-*",
                "architecture": "arm64",
                "memory_mb": 512.0,
                "vcpu": 1.0,
                "concurrency": 80.0,
            }
        ],
        "gateways": [{"match": "inventory", "kind": "rest"}],
        "tables": {"1/items": {"rcu": 100.0, "wcu": 50.0, "region": "eu-west-1"}},
    },
    "accounts": {"123456789012": {"name": "game-prod"}},
    "links": {
        "board": "https://uneri.example",
        "templates": {"aws": {"table": "https://a.example/{name}", "function_logs": "https://b.example/"}},
        "runbooks": {"any": "https://wiki.example/{verdict}", "table:items": "https://wiki.example/items"},
    },
}
for section, name in (("local", "a.example"), ("web", "b.example")):
    FULL[section] |= {"tls": {"cert": "a.crt", "key": "a.key"}, "hosts": [name]}
FULL["tokens"]["file"] = "tokens"
FULL["sources"]["github"] |= {"secret_file": "/run/secrets/github"}
FULL["export"] |= {"github_token_file": "/run/secrets/github-token"}
for secret in ("intake", "read", "operate"):
    FULL["tokens"][f"{secret}_file"] = f"/run/secrets/{secret}"
for secret in ("token", "app_token", "signing_secret"):
    FULL["slack"][f"{secret}_file"] = f"../secrets/{secret}"
FULL["slack"]["digest_channel"] = "#digest"
FULL["slack"]["fallback_channel"] = "#ops"
FULL["slack"]["operators"] = ["U012AB3CD", "S0614TZR7"]
FULL["limits"]["file"] = "limits.json"
FULL["limits"]["aws"] = {"daily": False, "regions": ["eu-west-1"], "roles": ["self"], "external_id": "agreed"}
EVERYTHING: dict[str, list[str]] = {
    "accounts": [],
    "services": [],
    "scopes": [],
    "verdicts": [],
    "measures": [],
}
FULL["local"]["tcp_source"] = FULL["web"]["tcp_source"] = "gateway-logs"
FULL["web"]["tcp"] = "127.0.0.1:8768"
FULL["scrape"] = {
    "series": [{"scopes": ["table:*"], "accounts": ["1"], "measures": ["wcu"], "callers": True}],
    "most": 500,
}
FULL["history"]["place"] = "/var/lib/uneri/history"
FULL["redact"] = {
    "shipped": False,
    "rules": [{"name": "customers", "pattern": "CU-[0-9]{6}", "replace": "[customer]"}],
}
FULL["sources"] |= {
    "inputs": [InputSettings(name="gateway-logs", format="apigateway").model_dump()],
    "pubsub": {
        "audience": "https://uneri.example/pubsub",
        "service_accounts": ["push@project.iam.gserviceaccount.com"],
        "keys": "https://keys.example/certs",
    },
    "registry": {
        "urls": ["https://registry.example:8081"],
        "username_env": "REGISTRY_USER",
        "username_file": "/run/secrets/registry-user",
        "password_env": "REGISTRY_PASSWORD",
        "password_file": "/run/secrets/registry-password",
        "ca": "ca.pem",
    },
}
FULL["notify"] = {
    "locale": "ja",
    "since": "2026-11-01",
    "silences": [
        {"match": EVERYTHING | {"scopes": ["table:tmp-*"]}, "until": "2026-12-01", "why": "being moved"}
    ],
    "maintenance": [
        {
            "name": "Nightly reindex",
            "match": EVERYTHING | {"services": ["search"]},
            "start": "2026-11-27T02:00",
            "end": "2026-11-27T03:00",
            "every": "day",
        }
    ],
    "quiet_hours": [
        {
            "start": "22:00",
            "end": "07:00",
            "days": ["sat", "sun"],
            "match": EVERYTHING | {"verdicts": ["shift"]},
        }
    ],
    "inhibit": False,
    "flood": 20,
    "routes": [
        {
            "match": EVERYTHING | {"accounts": ["123456789012"], "measures": ["wcu"]},
            "to": ["#inventory", "webhook:pager", "alertmanager:main", "pagerduty:duty"],
            "mention": "here",
        }
    ],
    "webhooks": [
        {
            "name": "pager",
            "url": "https://pager.example/uneri",
            "secret_env": "PAGER_SECRET",
            "secret_file": "/run/secrets/pager",
        }
    ],
    **{
        kind: [
            {"name": "duty", "secret_env": "DUTY_KEY", "secret_file": "/run/secrets/duty"}
            | ({"url": "https://duty.example"} if kind in ("pagerduty", "opsgenie") else {})
        ]
        for kind in ("pagerduty", "opsgenie", "teams", "discord")
    },
    "email": [
        {
            "name": "duty",
            "secret_env": "DUTY_KEY",
            "secret_file": "/run/secrets/duty",
            "server": "smtp.example:465",
            "tls": "tls",
            "user": "uneri",
            "sender": "uneri@shop.example",
            "to": ["ai@shop.example"],
        }
    ],
    "alertmanagers": [{"name": "main", "url": "http://127.0.0.1:9093", "labels": {"team": "shop"}}],
}
FULL["calendar"] = {
    "timezone": "Europe/Berlin",
    "holidays": "DE/BY",
    "planned": [
        {
            "name": "Sale",
            "start": "2026-11-27",
            "end": "2026-11-29",
            "factor": 2.5,
            "scopes": ["service:shop", "table:items"],
        }
    ],
}


class Line(NamedTuple):
    """One line of the file: its key path, indentation, key and value as they are written."""

    path: tuple[str, ...]
    indent: int
    key: str
    value: str  # empty for a section

    @property
    def text(self) -> str:
        return f"{' ' * self.indent}{self.key}:{' ' + self.value if self.value else ''}"

    @property
    def key_column(self) -> int:
        return self.indent + 1

    @property
    def value_column(self) -> int:
        return self.indent + len(self.key) + 3


class Mutant(NamedTuple):
    """A spoilt file and where the fault is."""

    what: str
    text: str
    line: int
    column: int


def written(data: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[Line]:
    for name, value in data.items():
        key = f'"{name}"' if name.isdigit() else name
        here = (*path, name)
        if isinstance(value, dict):
            yield Line(here, 2 * len(path), key, "")
            yield from written(value, here)
        else:
            yield Line(here, 2 * len(path), key, json.dumps(value))


LINES = list(written(FULL))


def spoilt(index: int, *instead: str) -> str:
    """Return the file with other lines in the place of one."""
    texts = [other.text for other in LINES]
    return "\n".join([*texts[:index], *instead, *texts[index + 1 :]]) + "\n"


def block(index: int) -> list[str]:
    """Return a line and all that stands below it."""
    depth = LINES[index].indent
    end = index + 1
    while end < len(LINES) and LINES[end].indent > depth:
        end += 1
    return [other.text for other in LINES[index:end]]


def is_known(line: Line) -> bool:
    """Return whether a key is one of the schema, not a name of the user's."""
    return bool(sections_of(annotation_at(line.path[:-1])))


def misspelt() -> Iterator[Mutant]:
    for index, line in enumerate(LINES):
        if is_known(line):
            for key in (f"{line.key}x", line.key.upper()):
                text = spoilt(index, line._replace(key=key).text)
                yield Mutant(f"{'.'.join(line.path)} as {key}", text, index + 1, line.key_column)


def doubled() -> Iterator[Mutant]:
    for index, line in enumerate(LINES):
        lines = block(index)
        texts = [other.text for other in LINES]
        end = index + len(lines)
        text = "\n".join([*texts[:end], *lines, *texts[end:]]) + "\n"
        yield Mutant(f"{'.'.join(line.path)} twice", text, end + 1, line.key_column)


def of_wrong_type() -> Iterator[Mutant]:
    for index, line in enumerate(LINES):
        if not line.value:
            rest = (
                "\n".join(other.text for other in LINES[:index]),
                "\n".join(other.text for other in LINES[index + len(block(index)) :]),
            )
            for value in ("7", "word", "[1]", "true"):
                text = "\n".join(filter(None, [rest[0], f"{line.text} {value}", rest[1]])) + "\n"
                yield Mutant(f"{'.'.join(line.path)}: {value}", text, index + 1, line.value_column)
            continue
        value = json.loads(line.value)
        others = ["{a: 1}", *(["true"] if not isinstance(value, bool) else [])]
        others += ["[1]"] if isinstance(value, str) else ["word", '"5"']
        others += ["12"] if isinstance(value, str | list) else [".nan", ".inf", "-.inf"]
        for other in others:
            text = spoilt(index, line._replace(value=other).text)
            yield Mutant(f"{'.'.join(line.path)}: {other}", text, index + 1, line.value_column)


def out_of_bounds() -> Iterator[Mutant]:
    beyond: dict[str, Callable[[int], list[int]]] = {
        "exclusiveMinimum": lambda bound: [bound, bound - 1],
        "minimum": lambda bound: [bound - 1],
        "exclusiveMaximum": lambda bound: [bound, bound + 1],
        "maximum": lambda bound: [bound + 1],
    }
    schema = Settings.model_json_schema()
    for index, line in enumerate(LINES):
        models = sections_of(annotation_at(line.path[:-1]))
        if not line.value or not models:
            continue
        field = schema["$defs"][models[0].__name__]["properties"][line.path[-1]]
        values: list[object] = []
        for choice in field.get("anyOf", [field]):
            for bound, others in beyond.items():
                if bound in choice:
                    values += others(int(choice[bound]))
            if "enum" in choice or "pattern" in choice:
                values += ["bad value"]
            if "const" in choice:
                values += [choice["const"] + 1, choice["const"] - 1]
            if "minItems" in choice:
                values += [[]]
        for value in values:
            text = spoilt(index, line._replace(value=json.dumps(value)).text)
            yield Mutant(f"{'.'.join(line.path)}: {value}", text, index + 1, line.value_column)


def badly_indented() -> Iterator[Mutant]:
    for index, line in enumerate(LINES[1:], start=1):
        before = LINES[index - 1]
        if line.indent and line.indent <= before.indent:
            less = line._replace(indent=line.indent - 1)
            yield Mutant(
                f"{'.'.join(line.path)} further left", spoilt(index, less.text), index + 1, line.indent
            )
        if before.value and line.indent == before.indent:
            more = line._replace(indent=line.indent + 1)
            ends_clearly = before.value[0] in '"['  # after these a key cannot be taken for more of the value
            column = more.key_column if ends_clearly else more.indent + len(line.key) + 1
            yield Mutant(f"{'.'.join(line.path)} further right", spoilt(index, more.text), index + 1, column)


def with_other_keys() -> Iterator[Mutant]:
    for index, line in enumerate(LINES):
        for key in islice(cycle(("on", "no", "12", "1.5", "null", "~")), index, index + 2):
            text = spoilt(index, f"{' ' * line.indent}{key}: 1", line.text)
            yield Mutant(f"{key} before {'.'.join(line.path)}", text, index + 1, line.key_column)


def with_less() -> Iterator[Mutant]:
    for index, line in enumerate(LINES):
        if line.path[0] == "floors" and line.value:
            parent = next(n for n in range(index, -1, -1) if LINES[n].path == line.path[:-1])
            text = "\n".join(other.text for n, other in enumerate(LINES) if n != index) + "\n"
            yield Mutant(f"no {'.'.join(line.path)}", text, parent + 1, LINES[parent].key_column)


def section_alone(mutant: Mutant) -> str:
    """Return a spoilt file with empty lines for all sections but the spoilt one, which is read faster."""
    lines = mutant.text.split("\n")
    keys: list[str] = []
    for line in lines:
        keys.append(line.split(":")[0] if line[:1].strip() else keys[-1] if keys else "")
    spoilt_one = keys[mutant.line - 1]
    kept = {spoilt_one}
    if spoilt_one in {"local", "web"}:  # they name one of its inputs
        kept |= {"sources"}
    return "\n".join(line if key in kept else "" for line, key in zip(lines, keys, strict=True))


KINDS = (misspelt, doubled, of_wrong_type, out_of_bounds, badly_indented, with_other_keys, with_less)
MANY = (of_wrong_type, with_other_keys)


EXCLUDED: dict[tuple[str, ...], set[str]] = {
    ("kafka", "oauth"): {"token_file"},  # by token_url
    ("sources", "registry"): {"token_env", "token_file"},  # by the user name
}


def test_the_full_configuration_is_valid_and_leaves_no_setting_out() -> None:
    text = "\n".join(line.text for line in LINES)
    settings = load_settings(None, text)
    dumped = settings.model_dump()
    for (section, name), keys in EXCLUDED.items():
        assert {dumped[section][name].pop(key) for key in keys} == {None}
    assert dumped == FULL
    for line in LINES:
        models = sections_of(annotation_at(line.path))
        if models:
            below = {other.path[-1] for other in LINES if other.path[:-1] == line.path}
            assert below == set(models[0].model_fields) - EXCLUDED.get(line.path, set()), line.path


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.release) if kind in MANY else kind for kind in KINDS],
    ids=lambda kind: kind.__name__,
)
def test_every_mutant_is_refused_with_file_line_and_column(kind: Any) -> None:
    wrong = []
    for mutant in kind():
        try:
            load_settings(Path("conf/uneri.yaml"), section_alone(mutant))
        except ConfigError as error:
            message = str(error)
            place = f"conf/uneri.yaml:{mutant.line}:{mutant.column}: "
            if not message.startswith(place) or "; " not in message or "\n" in message:
                wrong.append(f"{mutant.what}: expected one line with {place}got {message}")
        else:
            wrong.append(f"{mutant.what}: accepted")
    assert not wrong, "\n".join(wrong)


def test_there_are_hundreds_of_mutants_and_some_of_every_kind() -> None:
    counts = {kind.__name__: sum(1 for _ in kind()) for kind in KINDS}
    assert min(counts.values()) >= 20, counts
    assert sum(counts.values()) >= 800, counts


def test_no_number_is_without_an_upper_bound() -> None:
    def unbounded(schema: Any, path: str) -> Iterator[str]:
        if isinstance(schema, dict):
            if (
                schema.get("type") in ("integer", "number")
                and not {"const", "enum", "maximum"} & schema.keys()
            ):
                yield path
            for key, value in schema.items():
                yield from unbounded(value, f"{path}.{key}")
        elif isinstance(schema, list):
            for value in schema:
                yield from unbounded(value, path)

    assert list(unbounded(Settings.model_json_schema()["$defs"], "")) == []
