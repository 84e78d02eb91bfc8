"""Checks of Kafka: each broker, the credentials, the user's rights and the topics."""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from kafka.admin import KafkaAdminClient
from kafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailedError,
)

from config.secret import SecretError
from config.settings import HistorySettings, KafkaSettings, SourcesSettings
from streams.cli.check.settings_checks import CheckResult, remark, right, wrong
from streams.cli.check.stamps import check_stamps
from streams.drivers.kafka.connections.client import client_options, open_client, patiently
from streams.drivers.kafka.connections.probe import ConnectionFault, reach, why_unusable
from streams.drivers.kafka.roles import INTAKE, mistake
from streams.drivers.kafka.topics import GRANT, Topics, about_stamps, missing_topics

HIDDEN: Final = TopicAuthorizationFailedError.errno
READ, WRITE = "READ", "WRITE"
OPEN: Final = ("PLAIN", "OAUTHBEARER")  # SCRAM sends no password


def check_kafka(
    kafka: KafkaSettings,
    sources: SourcesSettings,
    roles: Collection[str] = (),
    history: HistorySettings | None = None,
    future: float = 300.0,
) -> Iterator[CheckResult]:
    """Check the connections to all brokers, then rights and topics, those of inputs among them.

    For the role ``intake`` alone, nothing but the topic of the requests matters. Without ``history``, no
    topic of its records is needed. ``future`` is that of ``check_stamps``.
    """
    history = history or HistorySettings()
    stages, intake = not roles or set(roles) != {INTAKE}, INTAKE in roles
    topics = Topics.of(kafka, sources)
    if (no := mistake(roles, kafka, history)) is not None:
        yield wrong(f"kafka: {no}")
        return
    try:
        reached, failed = asyncio.run(_reached(kafka))
    except SecretError as error:
        yield wrong(f"kafka: {error}")
        return
    if reached:
        verb = "answers" if len(reached) == 1 else "answer"
        yield right(f"kafka: {', '.join(reached)} {verb}{_with(kafka)}")
    if kafka.security == "sasl_plaintext" and kafka.sasl_mechanism in OPEN:
        note = "kafka: the credentials cross the network unencrypted; set kafka.security to sasl_ssl"
        yield remark(note)
    yield from dict.fromkeys(failed)  # a bad token is bad for all brokers
    if not any(broker in reached for broker in kafka.brokers):
        return
    try:
        with open_client(KafkaAdminClient, **client_options(kafka)) as admin:
            needed = _needed(topics, stages=stages, intake=intake, history=history.shared)
            described = {topic["name"]: topic for topic in admin.describe_topics(list(needed))}
            yield from _check_rights(kafka, needed, described, admin, stages=stages)
            for name in sorted(_present(described) & {*topics.sources}) if stages else ():
                yield from (remark(f"kafka: topic {line}") for line in about_stamps(admin, name))
    except KafkaError as error:
        yield wrong(f"kafka: {why_unusable(kafka, error)}")
        return
    missing = missing_topics(kafka, _present(described), history=history.shared) if stages else []
    yield from _check_topics(kafka, sources if stages else SourcesSettings(), described, missing)
    if stages:
        yield from check_stamps(kafka, sources, _present(described) & {*topics.sources}, future)
    commands = Topics.of(kafka).commands
    if commands in _visible(described) - _present(described) and not missing:
        lacks = f"kafka: no topic {commands}: boards show everything and change nothing"
        yield remark(f"{lacks}; create it with `uneri setup`")


def _visible(described: Mapping[str, Any]) -> set[str]:
    return {name for name, topic in described.items() if topic["error_code"] != HIDDEN}


def _present(described: Mapping[str, Any]) -> set[str]:
    return {name for name in _visible(described) if not described[name]["error_code"]}


def _check_topics(
    kafka: KafkaSettings, sources: SourcesSettings, described: Mapping[str, Any], missing: Collection[str]
) -> Iterator[CheckResult]:
    visible, present = _visible(described), _present(described)
    if kafka.requests in present:
        yield right(f"kafka: topic {kafka.requests} exists")
    elif kafka.requests and kafka.requests in visible:
        yield wrong(
            f"kafka: no topic {kafka.requests}; correct kafka.requests, or create it with `uneri setup`"
        )
    yield from _check_inputs(sources, described, present)
    if absent := [name for name in missing if name in visible]:
        yield wrong(f"kafka: {', '.join(absent)} missing; create them with `uneri setup`")


def _check_inputs(
    sources: SourcesSettings, described: Mapping[str, Any], present: Collection[str]
) -> Iterator[CheckResult]:
    for entry in sources.inputs:
        if not entry.topic or described[entry.topic]["error_code"] == HIDDEN:
            continue
        if entry.topic in present:
            count = len(described[entry.topic]["partitions"])
            of = f"topic {entry.topic} of {entry.name} ({entry.format})"
            yield right(f"kafka: {of} exists, {count} partition{'s' if count > 1 else ''}")
        else:
            yield wrong(
                f"kafka: no topic {entry.topic}; correct it in sources.inputs, have its sender create it, or "
                "run `uneri setup --inputs`"
            )


async def _reached(kafka: KafkaSettings) -> tuple[list[str], list[CheckResult]]:
    """Return the brokers that can be used, and lines about the others: those configured, and advertised."""
    reached: list[str] = []
    failed: list[CheckResult] = []
    waiting, known = list(kafka.brokers), set[str]()
    configured = set(waiting)
    while waiting:
        known.update(waiting)
        found = await asyncio.gather(*(reach(kafka, broker) for broker in waiting), return_exceptions=True)
        advertised = dict.fromkeys(name for names in found if isinstance(names, list) for name in names)
        for broker, result in zip(waiting, found, strict=True):
            if isinstance(result, ConnectionFault):
                note = "" if broker in configured else f" (the cluster advertises {broker})"
                failed.append(wrong(f"kafka: {result}{note}"))
            elif isinstance(result, BaseException):
                raise result
            else:
                reached.append(broker)
        waiting = [broker for broker in advertised if broker not in known]
    return reached, failed


def _with(kafka: KafkaSettings) -> str:
    parts = ["TLS"] if kafka.security.endswith("ssl") else []
    parts += ["client certificate"] if kafka.tls and kafka.tls.cert else []
    parts += [kafka.sasl_mechanism] if kafka.sasl_mechanism else []
    return f" ({', '.join(parts)})" if parts else ""


def _needed(topics: Topics, *, stages: bool, intake: bool, history: bool) -> dict[str, tuple[str, ...]]:
    """Return the rights that a daemon needs on each topic, as a daemon of all stages and as an intake."""
    if not stages:
        return {topics.requests: (WRITE,)}
    written = {topics.requests: (READ, WRITE)} if intake else {}
    return {
        **dict.fromkeys(topics.sources, (READ,)),
        **written,
        topics.rollups: (READ, WRITE),
        topics.findings: (READ, WRITE),
        topics.notices: (READ, WRITE),
        topics.dead_letters: (WRITE,),
        topics.checkpoints: (READ, WRITE),
        **({topics.steps: (READ, WRITE), topics.commands: (READ, WRITE)} if history else {}),
    }


def _check_rights(
    kafka: KafkaSettings,
    needed: Mapping[str, tuple[str, ...]],
    described: Mapping[str, Any],
    admin: KafkaAdminClient,
    *,
    stages: bool,
) -> Iterator[CheckResult]:
    """Find rights that a daemon lacks."""
    lacking: dict[str, list[str]] = {}
    for name, rights in needed.items():
        given = described[name]["authorized_operations"]
        hidden = described[name]["error_code"] == HIDDEN
        missing = [right for right in rights if hidden or (given is not None and right not in given)]
        if missing:
            lacking.setdefault(" and ".join(missing), []).append(f"topic {name}")
    if stages and not _allowed(lambda: admin.describe_groups([kafka.app])):
        lacking.setdefault(READ, []).append(f"group {kafka.app}")
    if stages and not _allowed(lambda: admin.describe_transactions([f"{Topics.of(kafka).checkpoints}-"])):
        lacking.setdefault(WRITE, []).append(f"transactional ids {kafka.app}-*")
    if lacking:
        listed = "; ".join(f"{rights} on {', '.join(names)}" for rights, names in lacking.items())
        yield wrong(f"kafka: authorisation: this user lacks {listed}; {GRANT}")


def _allowed(request: Any) -> bool:
    try:
        patiently(request)
    except (GroupAuthorizationFailedError, TransactionalIdAuthorizationFailedError):
        return False
    except KafkaError:  # the id is unknown, or the cluster has no coordinator yet: it is no matter of rights
        return True
    return True
