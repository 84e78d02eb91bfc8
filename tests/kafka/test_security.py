"""Every client of the program connects to a broker as companies run it, and a check names what is wrong."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth
from kafka.admin import ACLOperation, KafkaAdminClient, ResourceType

from config.settings import HistorySettings, KafkaSettings, Settings, SourcesSettings
from streams.cli.check.kafka import check_kafka
from streams.cli.check.settings_checks import CheckResult
from streams.drivers.kafka.app import chunk_app
from streams.drivers.kafka.connections import client as kafka_client
from streams.drivers.kafka.connections import probe
from streams.drivers.kafka.connections.client import client_options, open_client
from streams.drivers.kafka.connections.connection import connection_options
from streams.drivers.kafka.topics import TopicError, setup_topics, verified_requests, verified_topics
from streams.offline.simulate.deliver import SimulateOptions, simulate
from streams.offline.simulate.scenario_load import load_scenario
from streams.offline.sources.open_source import open_source
from tests.kafka.broker import BrokerUnavailableError
from tests.kafka.secured import CLIENT_SECRET, USERS, SecuredBroker
from tests.kafka.test_intake import event, ids, in_topic, opened
from tests.kafka.topic import unique

START = 1_756_652_400  # of the scenario
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "TLS under an authority of the company": ("TLS", {}),
    "client certificate": ("MUTUAL", {}),
    "PLAIN": ("SASL", {"sasl_mechanism": "PLAIN"}),
    "SCRAM-SHA-256": ("SASL", {"sasl_mechanism": "SCRAM-SHA-256"}),
    "SCRAM-SHA-512": ("SASL", {}),
    "SCRAM without TLS": ("CLEAR", {}),
    "OAUTHBEARER": ("OAUTH", {}),
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    if os.environ.get("UNERI_TEST_KAFKA"):
        pytest.skip("needs a broker of its own")
    secured = SecuredBroker(tmp_path_factory.mktemp("secured"))
    try:
        with secured:
            setup_topics(Settings(kafka=KafkaSettings(brokers=[secured.broker.address])))
            for user in ("alice", "oauth-client"):
                secured.allow_daemon(user, "uneri", "requests")
                secured.allow(user, ResourceType.TOPIC, "simulated", ACLOperation.ALL, prefix=True)
            yield secured
    except BrokerUnavailableError as error:
        if os.environ.get("UNERI_REQUIRE_KAFKA") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_USERNAME", "alice")
    monkeypatch.setenv("KAFKA_PASSWORD", USERS["alice"])
    monkeypatch.setenv("KAFKA_CLIENT_SECRET", CLIENT_SECRET)


def settings_of(broker: SecuredBroker, kind: str) -> KafkaSettings:
    listener, given = KINDS[kind]
    if listener == "MUTUAL":
        cert = broker.certify(broker.folder / "client.pem", "tls-client")
        given = {"tls": {"ca": str(broker.ca), "cert": str(cert)}}
    return broker.settings(listener, **given)


def wrong(kafka: KafkaSettings) -> list[str]:
    return [line.text for line in check_kafka(kafka, SourcesSettings()) if line.ok is False]


@pytest.mark.parametrize("kind", KINDS)
def test_events_are_written_to_and_replayed_from_a_secured_topic(broker: SecuredBroker, kind: str) -> None:
    kafka = settings_of(broker, kind)
    where = f"kafka://{kafka.brokers[0]}/{unique('simulated')}"
    asked = SimulateOptions(between=(None, START + 120), kafka=kafka)
    count = simulate(load_scenario("quiet"), where + "?partitions=2", asked)
    history = open_source([where], Settings(kafka=kafka))
    assert sum(len(piece.records or ()) for piece in history.pieces()) == count > 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_worker_connects_as_all_other_clients_do(broker: SecuredBroker, kind: str) -> None:
    kafka = settings_of(broker, kind)
    ours = connection_options(kafka)
    fausts = dict(credentials_to_aiokafka_auth(chunk_app(kafka).conf.broker_credentials))
    for name in ("ssl_context", "sasl_oauth_token_provider"):  # alike, not the same
        assert type(fausts.pop(name, None)) is type(ours.pop(name, None))
    assert fausts == {name: ours[name] for name in fausts}
    assert set(ours) - set(fausts) == {"bootstrap_servers", "client_id"}


def test_a_check_of_a_user_with_the_documented_rights_finds_nothing_wrong(broker: SecuredBroker) -> None:
    for kind in KINDS:
        kafka = settings_of(broker, kind)
        if kind != "TLS under an authority of the company":  # nobody's name: everything is allowed
            assert wrong(kafka) == [], kind
    first = next(
        line for line in check_kafka(settings_of(broker, "SCRAM-SHA-512"), SourcesSettings()) if line.ok
    )
    assert first == CheckResult(True, f"kafka: {broker.address('SASL')} answers (TLS, SCRAM-SHA-512)")


def test_a_check_names_the_rights_that_a_user_lacks(
    broker: SecuredBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_USERNAME", "guest")
    monkeypatch.setenv("KAFKA_PASSWORD", USERS["guest"])
    app = unique("app")
    kafka = broker.settings("SASL", app=app, requests=f"{app}-requests")
    setup_topics(Settings(kafka=kafka.model_copy(update=everybody(broker))))
    (line,) = wrong(kafka)
    assert line == (
        f"kafka: authorisation: this user lacks READ on topic {app}-requests, group {app}; "
        f"READ and WRITE on topic {app}-rollups, topic {app}-findings, topic {app}-notices, "
        f"topic {app}-checkpoints; WRITE on topic {app}-dead-letters, transactional ids {app}-*; "
        "grant it: docs/kafka.md lists the rights"
    )
    kept = HistorySettings(place="s3://acme-uneri/history")
    with_history = check_kafka(kafka, SourcesSettings(), history=kept)
    assert any(f"{app}-steps, topic {app}-commands; WRITE" in result.text for result in with_history)
    with pytest.raises(TopicError, match=rf"does not allow this user to see .*, {app}-rollups; grant it"):
        verified_topics(kafka)
    with pytest.raises(TopicError, match=rf"does not allow this user to create {app}-requests.*grant it"):
        setup_topics(Settings(kafka=kafka))
    broker.allow_daemon("guest", app, f"{app}-requests")
    assert wrong(kafka) == []


async def test_who_only_takes_records_in_needs_to_write_to_the_requests_and_nothing_else(
    broker: SecuredBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_USERNAME", "guest")
    monkeypatch.setenv("KAFKA_PASSWORD", USERS["guest"])
    app = unique("app")
    kafka = broker.settings("SASL", app=app, requests=f"{app}-requests")
    as_all = Settings(kafka=kafka.model_copy(update=everybody(broker)))
    await asyncio.to_thread(setup_topics, as_all)

    def lacking() -> list[str]:
        found = check_kafka(kafka, SourcesSettings(), ["intake"])
        return [line.text for line in found if line.ok is False]

    (line,) = await asyncio.to_thread(lacking)
    assert f"this user lacks WRITE on topic {app}-requests; grant it" in line
    broker.allow("guest", ResourceType.TOPIC, f"{app}-requests", ACLOperation.WRITE)
    assert await asyncio.to_thread(lacking) == []
    assert list(await asyncio.to_thread(verified_requests, kafka)) == [f"{app}-requests"]
    async with opened(Settings(kafka=kafka)) as taking:
        assert (await taking.post("/events", event("a")))[:2] == (202, {"accepted": 1})
    assert ids(await asyncio.to_thread(in_topic, as_all)) == ["a"]


def everybody(broker: SecuredBroker) -> dict[str, Any]:
    """The differences of a superuser's settings."""
    return {
        "brokers": [broker.broker.address],
        "security": "plaintext",
        "tls": None,
        "sasl_mechanism": None,
    }


CA = {"ca": "{folder}/ca.pem"}
WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "the authority of the system": (
        "TLS",
        {"tls": None},
        "TLS: {at} has a certificate of an authority that this system does not trust",
    ),
    "another authority": (
        "TLS",
        {"tls": {"ca": "{folder}/other-ca.pem"}},
        "TLS: {at} has a certificate of an authority that is not in kafka.tls.ca",
    ),
    "no client certificate": ("MUTUAL", {}, "TLS: {at} wants a client certificate"),
    "a client certificate of another authority": (
        "MUTUAL",
        {"tls": CA | {"cert": "{folder}/stranger.pem"}},
        "TLS: {at} refuses the client certificate in kafka.tls.cert",
    ),
    "TLS where there is none": (
        "TLS",
        {"brokers": ["{plain}"]},
        "TLS: {plain} does not speak TLS at this port",
    ),
    "no TLS where there is": (
        "TLS",
        {"security": "plaintext", "tls": None},
        "TLS: {at} ends the connection; it may want TLS",
    ),
    "no credentials": (
        "SASL",
        {"security": "ssl", "sasl_mechanism": None},
        "credentials: {at} wants credentials; set kafka.security to sasl_ssl",
    ),
    "credentials where none are taken": (
        "SASL",
        {"brokers": ["{tls}"]},
        "credentials: {tls} takes no credentials at this port",
    ),
    "another mechanism": (
        "CLEAR",
        {"sasl_mechanism": "PLAIN"},
        "credentials: {at} does not take PLAIN; set kafka.sasl_mechanism to SCRAM-SHA-512",
    ),
    "a wrong password for SCRAM": (
        "SASL",
        {"password_env": "OTHER"},
        "credentials: {at} refuses the user in KAFKA_USERNAME with the password in OTHER (SCRAM-SHA-512)",
    ),
    "a wrong password for PLAIN": (
        "SASL",
        {"password_env": "OTHER", "sasl_mechanism": "PLAIN"},
        "credentials: {at} refuses the user in KAFKA_USERNAME with the password in OTHER (PLAIN)",
    ),
    "a token for somebody else": (
        "OAUTH",
        {"oauth": {"token_file": "{folder}/token"}},
        "credentials: {at} refuses the token (invalid_token)",
    ),
    "a signature of AWS": (
        "OAUTH",
        {"sasl_mechanism": "AWS_MSK_IAM", "iam": {"region": "eu-west-1"}},
        "credentials: {at} refuses the AWS identity",
    ),
    "a file without a token": (
        "OAUTH",
        {"oauth": {"token_file": "{folder}/none"}},
        "credentials: kafka.oauth.token_file: {folder}/none cannot be read",
    ),
    "a client secret that the endpoint refuses": (
        "OAUTH",
        {"oauth": {"token_url": "{token_url}", "client_id": "x", "client_secret_env": "OTHER"}},
        "credentials: the token endpoint {token_url} refuses (HTTP 401, invalid_client)",
    ),
    "nobody there": (
        "TLS",
        {"brokers": ["127.0.0.1:1"]},
        "address: 127.0.0.1:1 does not answer (cannot connect, connection refused)",
    ),
    "no host": (
        "TLS",
        {"brokers": ["nowhere.invalid:9093"]},
        "address: nowhere.invalid:9093 does not answer (cannot connect, the name of its host is unknown)",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_check_names_which_of_address_tls_and_credentials_is_wrong(
    broker: SecuredBroker, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_client, "BOOTSTRAP_TIMEOUT_MS", 1000)
    listener, given, expected = WRONG[what]
    stranger = trustme.CA()
    stranger.cert_pem.write_to_path(str(broker.folder / "other-ca.pem"))
    broker.certify(broker.folder / "stranger.pem", "tls-client", by=stranger)
    (broker.folder / "token").write_text(broker.tokens.token(aud="somebody else") + "\n")
    for name in ("OTHER", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "canary")
    places = {
        "at": broker.address(listener),
        "plain": broker.broker.address,
        "tls": broker.address("TLS"),
        "folder": str(broker.folder),
        "token_url": broker.tokens.url,
    }
    kafka = broker.settings(listener, **filled(given, places))
    (line,) = wrong(kafka)
    assert line.startswith("kafka: " + expected.format(**places))
    assert "; " in line  # a remedy
    assert "canary" not in line


def filled(given: Any, places: dict[str, str]) -> Any:
    """Fill places into all texts of a configuration."""
    if isinstance(given, dict):
        return {key: filled(value, places) for key, value in given.items()}
    if isinstance(given, list):
        return [filled(option, places) for option in given]
    return given.format(**places) if isinstance(given, str) else given


def test_commands_and_daemon_say_what_the_check_says(
    broker: SecuredBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_client, "BOOTSTRAP_TIMEOUT_MS", 1000)
    monkeypatch.setenv("KAFKA_PASSWORD", "wrong")
    kafka = broker.settings("SASL", brokers=["127.0.0.1:1", broker.address("SASL")])
    with pytest.raises(TopicError, match=r"Kafka cannot be used: credentials: .* refuses the user"):
        setup_topics(Settings(kafka=kafka))


def test_a_broker_of_the_cluster_that_is_not_reached_is_named_though_the_configured_one_is(
    broker: SecuredBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    advertised = "10.255.255.1.invalid:9093"
    monkeypatch.setattr(probe, "_advertised", lambda _: [advertised])
    (line,) = wrong(settings_of(broker, "SCRAM-SHA-512"))
    assert line.startswith(f"kafka: address: {advertised} does not answer")
    assert line.endswith(f"(the cluster advertises {advertised})")


def test_new_connections_use_a_renewed_certificate_and_keep_the_previous_one_if_it_is_broken(
    broker: SecuredBroker, tmp_path: Path
) -> None:
    stranger = trustme.CA()
    cert = broker.certify(tmp_path / "client.pem", "tls-client", by=stranger)
    options = client_options(broker.settings("MUTUAL", tls={"ca": str(broker.ca), "cert": str(cert)}))

    def topics() -> object:
        with open_client(KafkaAdminClient, **options) as admin:
            return admin.list_topics()

    with pytest.raises(Exception, match="bootstrap"):
        topics()
    broker.certify(cert, "tls-client")
    os.utime(cert, ns=(1, 1))
    assert isinstance(topics(), list)
    cert.write_text("nothing")
    os.utime(cert, ns=(2, 2))
    assert isinstance(topics(), list)
