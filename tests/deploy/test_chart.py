"""The Helm chart: what it makes of values is valid for Kubernetes and right for the daemon."""

import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from config.load import load_settings
from streams.drivers.kafka.roles import KNOWN_ROLES
from tests.deploy.tools import DEPLOY, ROOT, run, tool

pytestmark = pytest.mark.release

CHART = DEPLOY / "helm" / "uneri"
EXAMPLES = ("embedded", "kafka", "roles")
OLDEST, NEWEST = "1.27", kubernetes_validate.utils.major_minor(kubernetes_validate.latest_version())
OPERATOR = "monitoring.coreos.com/v1"  # not of Kubernetes: no schema comes with it

Manifest = dict[str, Any]


def values(example: str) -> Path:
    return CHART / "ci" / f"{example}-values.yaml"


@cache
def rendered(example: str) -> tuple[Manifest, ...]:
    text = run(tool("helm"), "template", "test", CHART, "--values", values(example), "--namespace", "watch")
    return tuple(document for document in YAML(typ="safe").load_all(text) if document)


def kinds(example: str, kind: str) -> dict[str, Manifest]:
    return {entry["metadata"]["name"]: entry for entry in rendered(example) if entry["kind"] == kind}


def pods(example: str) -> Iterator[Manifest]:
    for workload in kinds(example, "StatefulSet").values():
        yield workload["spec"]["template"]["spec"]


def refused(*settings: str) -> str:
    command = [tool("helm"), "template", "test", str(CHART)]
    for setting in settings:
        command += ["--set-json", setting]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    return done.stderr


@pytest.mark.parametrize("example", EXAMPLES)
def test_helm_finds_nothing_to_complain_about(example: str) -> None:
    assert "0 chart(s) failed" in run(tool("helm"), "lint", "--strict", CHART, "--values", values(example))


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("example", EXAMPLES)
def test_kubernetes_knows_every_field_of_the_manifests(example: str, version: str) -> None:
    own = [entry for entry in rendered(example) if entry["apiVersion"] != OPERATOR]
    assert own
    for manifest in own:
        assert kubernetes_validate.validate(manifest, version, strict=True) == version


def test_the_oldest_kubernetes_that_is_validated_is_the_one_that_the_chart_asks_for() -> None:
    chart = YAML(typ="safe").load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert chart["kubeVersion"] == f">={OLDEST}.0-0"
    assert chart["appVersion"] == project["version"]
    assert chart["version"] == project["version"].replace(".dev", "-dev"), "as semantic versions are written"


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_configuration_is_one_that_the_daemon_takes(example: str, tmp_path: Path) -> None:
    (config,) = kinds(example, "ConfigMap").values()
    file = tmp_path / "uneri.yaml"
    file.write_text(config["data"]["uneri.yaml"], encoding="utf-8")
    settings = load_settings(file)
    section, port = (settings.web, 8766) if settings.kafka else (settings.local, 8765)
    assert section.listen == f"0.0.0.0:{port}"
    for pod in pods(example):
        (container,) = pod["containers"]
        assert [entry["containerPort"] for entry in container["ports"]] == [port]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"]["scheme"] == ("HTTPS" if section.tls else "HTTP")
    assert settings.kafka or settings.local.state == "/var/lib/uneri/state"


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_container_runs_without_privileges_on_a_read_only_root(example: str) -> None:
    for pod in pods(example):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {mount["mountPath"] for mount in container["volumeMounts"]} >= {"/var/lib/uneri", "/tmp"}  # noqa: S108
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys()


def test_the_user_of_the_pods_is_that_of_the_image() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for pod in pods("kafka"):
        assert f"--uid {pod['securityContext']['runAsUser']} " in dockerfile


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_worker_has_the_name_of_its_pod(example: str) -> None:
    for pod in pods(example):
        (container,) = pod["containers"]
        assert {
            "name": "UNERI_WORKER",
            "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}},
        } in container["env"]


def test_workers_divide_the_roles_and_come_with_their_own_resources() -> None:
    workers = kinds("roles", "StatefulSet")
    assert set(workers) == {"test-uneri-engine", "test-uneri-alerts", "test-uneri-intake", "test-uneri-board"}
    roles = []
    for worker in workers.values():
        (container,) = worker["spec"]["template"]["spec"]["containers"]
        assert container["args"][:-1] == ["run", "--config", "/etc/uneri/uneri.yaml", "--role"]
        roles += container["args"][-1].split(",")
    assert sorted(roles) == sorted(KNOWN_ROLES)
    engine = workers["test-uneri-engine"]["spec"]
    assert engine["replicas"] == 3
    assert engine["template"]["spec"]["containers"][0]["resources"]["limits"] == {"memory": "3Gi"}


def test_workers_with_several_pods_have_a_disruption_budget_that_pods_not_ready_do_not_use_up() -> None:
    assert kinds("embedded", "PodDisruptionBudget") == {}
    for name, budget in kinds("roles", "PodDisruptionBudget").items():
        workload = kinds("roles", "StatefulSet")[name]["spec"]
        assert budget["spec"]["selector"] == workload["selector"]
        assert budget["spec"]["maxUnavailable"] == 1
        assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert len(kinds("roles", "PodDisruptionBudget")) == 4


@pytest.mark.parametrize("example", EXAMPLES)
def test_services_find_the_pods_ready_or_not(example: str) -> None:
    labels = [
        kind["spec"]["template"]["metadata"]["labels"] for kind in kinds(example, "StatefulSet").values()
    ]
    for service in kinds(example, "Service").values():
        assert service["spec"]["publishNotReadyAddresses"] is True
        found = [label for label in labels if service["spec"]["selector"].items() <= label.items()]
        if service["spec"].get("clusterIP") == "None" or example == "embedded":
            assert found == labels
        else:
            role = "board" if service["metadata"]["name"].endswith("-board") else "intake"
            assert [labels["app.kubernetes.io/component"] for labels in found] == [role]


def test_only_workers_that_take_records_in_or_show_the_board_have_a_service_for_others() -> None:
    assert set(kinds("kafka", "Service")) == {"test-uneri-pods"}
    assert set(kinds("roles", "Service")) == {"test-uneri-pods", "test-uneri", "test-uneri-board"}


def test_the_topics_are_set_up_before_a_worker_starts_unless_somebody_else_does() -> None:
    (pod,) = pods("kafka")
    (setup,) = pod["initContainers"]
    assert setup["args"][0] == "setup"
    assert not any("initContainers" in entry for entry in [*pods("roles"), *pods("embedded")])


def test_the_operator_gets_the_same_alerts_as_the_file() -> None:
    (rule,) = kinds("embedded", "PrometheusRule").values()
    file = DEPLOY / "prometheus" / "uneri.rules.yaml"
    assert rule["spec"] == YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    (monitor,) = kinds("embedded", "ServiceMonitor").values()
    scraped = [
        service
        for service in kinds("embedded", "Service").values()
        if monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    ]
    assert len(scraped) == 1, "one Service, or every pod would be scraped twice"
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in {declared["name"] for declared in scraped[0]["spec"]["ports"]}


def test_a_digest_wins_over_the_tag() -> None:
    (digest,) = {container["image"] for pod in pods("kafka") for container in pod["containers"]}
    assert digest.startswith("uneri@sha256:")
    (tag,) = {container["image"] for pod in pods("embedded") for container in pod["containers"]}
    assert tag.startswith("uneri:0.")
    assert "digest" in refused('image={"digest": "sha256:abc"}', 'config={"kafka": {}}')


def test_a_network_policy_lets_in_to_the_daemons_ports_and_out_to_what_is_named() -> None:
    assert kinds("roles", "NetworkPolicy") == {}, "off unless asked for"
    (kafka,) = kinds("kafka", "NetworkPolicy").values()
    (workload,) = kinds("kafka", "StatefulSet").values()
    labels = workload["spec"]["template"]["metadata"]["labels"]
    assert kafka["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert kafka["spec"]["policyTypes"] == ["Ingress", "Egress"]
    (rule,) = kafka["spec"]["ingress"]
    assert rule["ports"] == [{"port": "http", "protocol": "TCP"}]
    assert len(rule["from"]) == 1
    assert [{port["port"] for port in out["ports"]} for out in kafka["spec"]["egress"]] == [
        {53},
        {9092},
        {443},
    ]

    (embedded,) = kinds("embedded", "NetworkPolicy").values()
    assert embedded["spec"]["policyTypes"] == ["Ingress"], "all may be reached"
    (rule,) = embedded["spec"]["ingress"]
    assert [port["port"] for port in rule["ports"]] == ["http", 8767]
    assert "from" not in rule


def test_a_misspelt_value_is_refused() -> None:
    assert "replica" in refused('workers={"all": {"replica": 3}}', 'config={"kafka": {}}')


def test_a_daemon_without_tokens_on_a_network_is_refused_with_the_remedy() -> None:
    assert "set secretName to a Secret with UNERI_READ_TOKEN and UNERI_INTAKE_TOKEN" in refused("config={}")


def test_workers_without_kafka_are_refused() -> None:
    message = refused('workers={"all": {"replicas": 3}}', 'secretName="uneri"')
    assert "add config.kafka, or remove workers" in message


def test_the_page_for_operators_has_values_that_work(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    file = tmp_path / "my-values.yaml"
    file.write_text(page.partition("# my-values.yaml\n")[2].partition("```")[0], encoding="utf-8")
    assert "0 chart(s) failed" in run(tool("helm"), "lint", "--strict", CHART, "--values", file)
    assert "kind: StatefulSet" in run(tool("helm"), "template", "test", CHART, "--values", file)
