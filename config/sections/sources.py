"""Where records come from, and how JSON of one's own becomes records."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from config.access_log_keys import target_of
from config.json_path import json_path
from config.native_fields import (
    CALL_FIELDS,
    ERRORS,
    FIELDS,
    LIMITS,
    NEEDED,
    UNITS,
    FieldType,
    RecordKind,
    converted,
    field_type,
)
from config.presets import PRESETS
from config.secret import SecretPlace
from config.sections.section import Mistake, Section, named_twice
from config.sections.values import (
    HttpUrl,
    PathName,
    SecretFile,
    TopicName,
    VariableName,
    meant,
    path_template,
)

FORMAT_NAMES = (
    "auto", "uneri", "otlp_proto", "otlp_json", "cloudwatch_logs", "emf", "lambda_report", "powertools",
    "apigateway", "alb", "clf", "xray", "gcp_log_entry", "pubsub", "firehose", "metric_stream", "cloudevents",
    "changes", "eventbridge", "cloudtrail", "github", "confluent", "avro", "lambda_event",
)  # fmt: skip
"""Names that a mapping cannot have: those of streams/ingest/formats, and ``auto``; a test compares them."""

WITHOUT_ROUTES = ("lambda_report", "metric_stream", "changes", "eventbridge", "cloudtrail", "github")
"""Formats whose records name no route."""

SAMPLED = ("auto", "otlp_proto", "otlp_json")
"""Formats with spans, whose trace state may say how many others they stand for."""
KEYED = (
    "auto", "apigateway", "cloudwatch_logs", "pubsub", "firehose", "cloudevents", "otlp_proto", "otlp_json",
    "lambda_event",
)  # fmt: skip
"""The format whose keys their owner chooses, and those that hold it."""

MOST_FIELDS = 200


def _one_value(text: str) -> str:
    json_path(text)
    return text


def _items(text: str) -> str:
    json_path(text, every=True)
    return text


def _preset(name: str) -> str:
    if name not in PRESETS:
        known = ", ".join(PRESETS)
        raise ValueError(f"no preset {name!r}; {meant(name, PRESETS, f'presets: {known}')}")
    return name


def _free_name(name: str) -> str:
    if name in FORMAT_NAMES:
        raise ValueError(f"{name!r} is a format of Uneri's own; choose another name, such as my-{name}")
    return name


Whole = Annotated[int, Field(ge=-(10**18), le=10**18)]
Number = Annotated[float, Field(ge=-1e18, le=1e18)]
Scalar = str | bool | Whole | Number
ValuePath = Annotated[str, AfterValidator(_one_value)]
PathTemplate = Annotated[str, AfterValidator(path_template)]
ItemsPath = Annotated[str, AfterValidator(_items)]
MappingName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,49}$"), AfterValidator(_free_name)]


class FieldSettings(Section):
    """What a field is taken from; a path alone may be written in its place.

    A value that is null, an empty text or ``-`` is not there. Numbers may be text, and texts may be numbers.
    """

    path: ValuePath | None = Field(
        None, description="where the value is: $.http.status, $['a name'], $.list[0]"
    )
    const: Scalar | None = Field(None, description="the value of every record, in place of a path")
    unit: str | None = Field(
        None,
        description="what the number at path is in. Of ts: s, ms, us, ns, or utc: a text without an offset "
        "is of UTC; of durations: min, s, ms, us, ns; of memory_mb: B, KiB, MiB, GiB. Absent: that of "
        "docs/event.md",
    )
    time: ValuePath | None = Field(
        None, description="of ts: where the time of day is, if path has the date alone"
    )
    map: dict[str, Scalar | None] = Field(
        default_factory=dict,
        description="values at path, as text, to those of the field, null for none; another one is refused "
        "unless there is a default",
    )
    default: Scalar | None = Field(
        None, description="the value where there is none at path, or map does not have it; null for none"
    )

    @model_validator(mode="before")
    @classmethod
    def _a_path_alone(cls, given: Any) -> Any:
        if isinstance(given, str):
            return {"path": given}
        if not isinstance(given, dict | FieldSettings):
            raise ValueError("neither a path nor a section; write a path such as $.time, or {const: …}")  # noqa: TRY004 - pydantic's way
        return given

    def mistakes(self) -> Iterator[Mistake]:
        """Yield what is missing, and what has no effect."""
        if (self.path is None) == (self.const is None):
            yield (), {}, "needs either path or const; write a path such as $.time"
        elif self.const is not None:
            others = (
                ("unit", self.unit),
                ("time", self.time),
                ("map", self.map),
                ("default", self.default),
            )
            yield from (
                ((key,), value, f"{key} belongs to path; remove it") for key, value in others if value
            )
        elif self.unit is not None and self.map:
            yield ("unit",), self.unit, "map gives the values as they are; remove unit"


class ConditionSettings(Section):
    """A condition on a record: exactly one of equals, one_of and exists. Values are compared as text."""

    path: ValuePath = Field(description="where the value is")
    equals: Scalar | None = Field(None, description="it is this")
    one_of: Annotated[list[Scalar], Field(max_length=1000)] | None = Field(
        None, description="it is one of these"
    )
    exists: bool | None = Field(None, description="true: it is there and not null; false: it is not")
    then: Literal["keep", "skip"] = Field(
        "keep", description="keep only records of which this holds, or skip those"
    )

    def mistakes(self) -> Iterator[Mistake]:
        """Yield that it is not exactly one."""
        if sum(value is not None for value in (self.equals, self.one_of, self.exists)) != 1:
            wrong = "needs exactly one of equals, one_of and exists; for several, write several conditions"
            yield (), {}, wrong


class CallsSettings(Section):
    """Table calls of a record."""

    each: ItemsPath | None = Field(
        None,
        description="the calls, such as $.calls[*], each of which is then $, and the record $$; absent: one",
    )
    when: list[ConditionSettings] = Field(
        default_factory=list, description="which of them count; all if absent"
    )
    fields: Annotated[dict[str, FieldSettings], Field(max_length=MOST_FIELDS)] = Field(
        description=f"by field of a table call: {', '.join(CALL_FIELDS)}; name is needed"
    )

    def mistakes(self) -> Iterator[Mistake]:
        """Yield what is wrong about the fields."""
        yield from _mistakes(self.fields, CALL_FIELDS.get, CALL_FIELDS, ("name",), "a table call")


class MappingSettings(Section):
    """A format of one's own: how JSON objects, or lists in them, become records of docs/event.md.

    A payload is a JSON document, or one on each line; or its lines are logfmt or columns of texts.
    """

    name: MappingName = Field(description="what it is called as a format")
    extends: Annotated[str, AfterValidator(_preset)] | None = Field(
        None,
        description=f"a preset that it changes: {', '.join(PRESETS)}; its fields are added to those of the "
        "preset, all else takes the place of the preset's",
    )
    kind: RecordKind = Field("request", description="what its records are")
    lines: Literal["json", "logfmt"] = Field(
        "json", description='logfmt: each line is a record, key=value key="another value"'
    )
    columns: Annotated[list[str], Field(max_length=MOST_FIELDS)] = Field(
        default_factory=list,
        description="names of the columns of lines that are no JSON, with tabs between them, or else blanks, "
        "as in the W3C format (CloudFront, IIS); lines with # are comments",
    )
    each: ItemsPath | None = Field(
        None,
        description="the records of a document, such as $.records[*], each of which is then $, and the "
        "document $$; absent: the document is the record",
    )
    when: list[ConditionSettings] = Field(
        default_factory=list, description="which records are read; all if absent"
    )
    fields: Annotated[dict[str, FieldSettings], Field(max_length=MOST_FIELDS)] = Field(
        description="by field of docs/event.md, such as ts, route, client.name, ms.total, values.sales; in "
        "the place of a route, method and path, of a client, user_agent; ts is needed"
    )
    tables: Annotated[list[CallsSettings], Field(max_length=20)] = Field(
        default_factory=list, description="the table calls of a request"
    )
    sample: PathName | None = Field(
        None,
        description="a file of such payloads, which uneri check reads, from the folder that it runs in: what "
        "does not fit is said",
    )

    @model_validator(mode="before")
    @classmethod
    def _what_it_extends(cls, given: Any) -> Any:
        preset = PRESETS.get(str(given.get("extends"))) if isinstance(given, dict) else None
        if preset is None:
            return given
        own = given.get("fields")
        fields = {**preset["fields"], **own} if isinstance(own, dict) else own or preset["fields"]
        return {**preset, **given, "fields": fields}

    def mistakes(self) -> Iterator[Mistake]:
        """Yield what is wrong about the fields, and table calls of what has none."""
        yield from _mistakes(
            self.fields,
            lambda name: field_type(self.kind, name),
            FIELDS[self.kind],
            NEEDED[self.kind],
            f"a {self.kind}",
        )
        if self.columns and self.lines != "json":
            yield ("columns",), list(self.columns), "logfmt has no columns; remove one of them"
        if "method" in self.fields and not {"path", "route"} & self.fields.keys():
            wrong = "a method names no route alone; add path: the path or the address of the request"
            yield ("fields", "method", "[key]"), "method", wrong
        if {"client.version", "client.name"} & self.fields.keys() == {"client.version"}:
            wrong = "a version belongs to a client; add client.name"
            yield ("fields", "client.version", "[key]"), "client.version", wrong
        if self.tables and self.kind not in ("request", "call"):
            yield ("tables",), {}, f"a {self.kind} has no table calls; remove them"


InputName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,49}$")]
_COUNTED = "(account|service|route|function|table|client)"


class InputSettings(Section):
    """A source of payloads: their format, and what holds for all of its records.

    A record's own words win. With ``topic`` the Kafka driver reads it; otherwise senders name it,
    ``POST /events?source=NAME``.
    """

    name: InputName = Field(description="what senders call it, and metrics")
    format: str = Field("auto", description="a format of docs/formats.md, or the name of a mapping")
    topic: TopicName | None = Field(
        None, description="the Kafka topic that it is read from, with one payload per record"
    )
    cloud: str | None = Field(None, description="aws, gcp, …")
    account: str | None = Field(None, description="account or project")
    region: str | None = None
    service: str | None = None
    function: str | None = None
    counts: Annotated[str, Field(pattern=f"^{_COUNTED}(,{_COUNTED})*$")] | None = Field(
        None,
        description="the kinds of scope that it counts, if other sources tell of the same requests: "
        "account,service,route,client for an access log, function for reports, table for spans",
    )
    templates: Annotated[list[PathTemplate], Field(max_length=1000)] = Field(
        default_factory=list, description="paths as the backend names its routes, such as /items/{id}"
    )
    keys: dict[str, str] = Field(
        default_factory=dict, description="what the keys of an access log mean, if they are its owner's own"
    )
    sampled: bool = Field(
        False,
        description="spans stand for as many as their trace state says (ot=th, ot=p): for spans behind an "
        "edge that drops the tracestate of callers, which SDKs keep",
    )

    def mistakes(self) -> Iterator[Mistake]:
        """Yield what means nothing for its format, and keys without a meaning."""
        if self.keys and self.format not in KEYED:
            wrong = f"{self.format} has no keys of its owner; write a mapping (docs/formats.md)"
            yield ("keys",), dict(self.keys), wrong
        if self.templates and self.format in WITHOUT_ROUTES:
            wrong = f"{self.format} has no routes; remove them, or give them to the input that has"
            yield ("templates",), list(self.templates), wrong
        if self.sampled and self.format not in SAMPLED:
            wrong = f"{self.format} has no trace states; remove it, or give it to the input of spans"
            yield ("sampled",), True, wrong
        known = "a variable, such as $context.responseLatency, or a field of docs/event.md, such as ms.total"
        for key, of in self.keys.items():
            if target_of(of) is None:
                yield ("keys", key), of, f"no meaning; write {known}"


class PubsubSettings(Section):
    """Google Cloud Pub/Sub, which pushes to ``/pubsub`` with a token that Google signs."""

    audience: Annotated[str, Field(min_length=1, max_length=1024)] = Field(
        description="audience of the push subscription; by default, Google sets its endpoint"
    )
    service_accounts: Annotated[list[str], Field(min_length=1, max_length=100)] = Field(
        description="e-mail addresses of the service accounts of push subscriptions"
    )
    keys: Annotated[str, Field(pattern=r"^https?://\S+$", max_length=1024)] = Field(
        "https://www.googleapis.com/oauth2/v3/certs", description="where the keys are that sign the tokens"
    )


class GithubSettings(Section):
    """GitHub, whose webhooks tell ``/changes`` of deployments."""

    secret_env: VariableName = Field(
        "UNERI_GITHUB_SECRET", description="environment variable with the secret of the webhook"
    )
    secret_file: SecretFile | None = Field(None, description="file that holds it instead")

    @property
    def secret(self) -> SecretPlace:
        """Where the secret of the webhook is."""
        return SecretPlace(self.secret_env, self.secret_file)


class RegistrySettings(Section):
    """The schema registry that records in its frames (``confluent``) name their schemas of."""

    urls: Annotated[list[HttpUrl], Field(min_length=1, max_length=10)] = Field(
        description="where it is, such as https://registry.example:8081; if the first does not answer, the "
        "next is asked"
    )
    username_env: VariableName | None = Field(
        None, description="environment variable with the user name (basic authentication), or the API key"
    )
    username_file: SecretFile | None = Field(None, description="file that holds it instead")
    password_env: VariableName | None = Field(
        None, description="environment variable with the password, or the API key's secret"
    )
    password_file: SecretFile | None = Field(None, description="file that holds it instead")
    token_env: VariableName | None = Field(
        None, description="environment variable with a bearer token, in the place of a user name"
    )
    token_file: SecretFile | None = Field(None, description="file that holds it instead")
    ca: PathName | None = Field(
        None,
        description="file with the authorities that may sign its certificate, besides those of the system",
    )

    @property
    def username(self) -> SecretPlace:
        """Where the user name is."""
        return SecretPlace(self.username_env or "", self.username_file)

    @property
    def password(self) -> SecretPlace:
        """Where the password is."""
        return SecretPlace(self.password_env or "", self.password_file)

    @property
    def token(self) -> SecretPlace:
        """Where the bearer token is."""
        return SecretPlace(self.token_env or "", self.token_file)

    def mistakes(self) -> Iterator[Mistake]:
        """Yield what is no identity, more than one, or in the wrong place."""
        named = any(self.username)
        if named != any(self.password):
            there, lacks = ("username", "password") if named else ("password", "username")
            wrong = f"{there} needs a {lacks}; set {lacks}_env or {lacks}_file"
            yield (f"{there}_env",), getattr(self, f"{there}_env"), wrong
        if named and any(self.token):
            yield ("token_env",), self.token_env, "belongs to no user name; remove one of them"
        if secret := next((url for url in self.urls if "@" in url), None):
            at = self.urls.index(secret)
            yield ("urls", at), "(hidden)", "a secret does not belong here; set username_env and password_env"


class SourcesSettings(Section):
    """Where records come from."""

    inputs: Annotated[list[InputSettings], Field(max_length=100)] = Field(
        default_factory=list, description="sources that send other formats than Uneri's own"
    )

    mappings: Annotated[list[MappingSettings], Field(max_length=100)] = Field(
        default_factory=list, description="formats of one's own JSON"
    )

    pubsub: PubsubSettings | None = None
    github: GithubSettings = GithubSettings()
    registry: RegistrySettings | None = None

    @property
    def topics(self) -> tuple[str, ...]:
        """The Kafka topics of the inputs."""
        return tuple(source.topic for source in self.inputs if source.topic)

    def mistakes(self) -> Iterator[Mistake]:
        """Yield names and topics that occur twice, and formats that there are not."""
        yield from named_twice(self, "mappings", "sources")
        yield from named_twice(self, "inputs", "sources")
        known = [*FORMAT_NAMES, *PRESETS, *(mapping.name for mapping in self.mappings)]
        formats = f"formats: {', '.join(known)}"
        first: dict[str, int] = {}
        for number, source in enumerate(self.inputs):
            if source.topic and (before := first.setdefault(source.topic, number)) != number:
                wrong = f"also the topic of sources.inputs.{before}; choose one format for it, or auto"
                yield ("inputs", number, "topic"), source.topic, wrong
            if source.format not in known:
                wrong = f"no format {source.format!r}; {meant(source.format, known, formats)}"
                yield ("inputs", number, "format"), source.format, wrong


def _mistakes(
    fields: dict[str, FieldSettings],
    type_of: Any,
    known: Iterable[str],
    needed: Iterable[str],
    what: str,
) -> Iterator[Mistake]:
    """Yield the fields that are unknown or missing, and values that are not of their type."""
    for name, field in fields.items():
        to: FieldType | None = type_of(name)
        if to is None:
            remedy = meant(name, known, f"fields: {', '.join(known)}")
            yield ("fields", name, "[key]"), name, f"{what} has no field {name!r}; {remedy}"
            continue
        units = UNITS.get(to, {})
        if field.unit is not None and field.unit not in units:
            remedy = f"units of {name}: {', '.join(units)}" if units else "remove it"
            yield ("fields", name, "unit"), field.unit, f"not a unit of {name}; {remedy}"
        if field.time is not None and to is not FieldType.TIME:
            yield ("fields", name, "time"), field.time, "belongs to ts; remove it"
        yield from _wrong_values(name, field, to)
    for name in needed:
        if name not in fields:
            yield ("fields",), {}, f"{what} needs {name}; add it: {name}: $.path"


def _wrong_values(name: str, field: FieldSettings, to: FieldType) -> Iterator[Mistake]:
    given: list[tuple[tuple[int | str, ...], Scalar | None]] = [
        (("const",), field.const),
        (("default",), field.default),
        *((("map", key), value) for key, value in field.map.items()),
    ]
    for path, value in given:
        if value is None:
            continue
        try:
            right = converted(value, to)
        except (ValueError, OverflowError) as error:
            yield ("fields", name, *path), value, f"{error}; {name} is {_article(to)}"
            continue
        if to is FieldType.ERROR and right not in ERRORS:
            yield ("fields", name, *path), value, f"no class of errors; write {', '.join(ERRORS)} or null"
        if name in LIMITS and isinstance(right, int | float):
            least, most = LIMITS[name]
            if not least <= right <= most:
                yield (
                    ("fields", name, *path),
                    value,
                    f"{name} is from {least:,.0f} to {most:,.0f}; correct it",
                )


def _article(to: FieldType) -> str:
    return {FieldType.MEMORY: "in MiB", FieldType.DURATION: "in milliseconds"}.get(to, f"a {to}")
