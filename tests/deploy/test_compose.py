"""The compose file: daemons that share the work by roles, with buttons, without privileges."""

import re
from typing import Any

from ruamel.yaml import YAML

from config.load import load_settings
from streams.drivers.kafka.roles import KNOWN_ROLES
from tests.deploy.tools import ROOT

COMPOSE: dict[str, Any] = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
DAEMONS = {
    name: service for name, service in COMPOSE["services"].items() if service.get("command", [""])[0] == "run"
}


def test_the_containers_run_without_privileges_on_a_read_only_root() -> None:
    for service in (COMPOSE["services"]["setup"], *DAEMONS.values()):
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "/tmp" in service["tmpfs"]  # noqa: S108  # a mount in the container
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^USER (?!root|0\b)\S+", dockerfile, re.MULTILINE)


def test_the_daemons_together_have_every_role_and_each_has_a_name() -> None:
    roles = [role for service in DAEMONS.values() for role in service["command"][-1].split(",")]
    assert sorted(roles) == sorted(KNOWN_ROLES)
    names = [service["environment"]["UNERI_WORKER"] for service in DAEMONS.values()]
    assert len(names) == len(set(names))


def test_the_daemon_that_notifies_has_the_tokens_for_messages_and_buttons() -> None:
    (notifier,) = [service for service in DAEMONS.values() if "notify" in service["command"][-1]]
    assert {"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"} <= notifier["environment"].keys()


def test_the_board_and_the_intake_are_published_on_this_machine_only() -> None:
    ports = {name: service.get("ports", []) for name, service in DAEMONS.items()}
    assert ports["board"] == ["127.0.0.1:8767:8766"]
    assert all(address.startswith("127.0.0.1:") for published in ports.values() for address in published)


def test_the_daemons_know_their_names_among_the_containers() -> None:
    assert set(load_settings(ROOT / "examples" / "compose.yaml").web.hosts) == set(DAEMONS)
