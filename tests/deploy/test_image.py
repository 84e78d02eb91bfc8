"""The image is built and run for real: version, check, and a daemon behind the port that it exposes.

`make deploy-check` runs these; they need root, and minutes for the first build.
"""

import http.client
import json
import os
import secrets
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.container import IMAGE, Container, build_image, buildah, make_base
from tests.deploy.tools import ROOT, tool, without

pytestmark = pytest.mark.release

PORT = 8765
CONFIG = f"local: {{listen: '0.0.0.0:{PORT}', state: /var/lib/uneri/state}}\n"
TOKENS = {
    "UNERI_INTAKE_TOKEN": f"uneri_{secrets.token_hex(16)}",
    "UNERI_READ_TOKEN": f"uneri_{secrets.token_hex(16)}",
}


@pytest.fixture(autouse=True)
def _no_default_port() -> None:
    """Allow it: the image exposes that port, and shares the network of the machine here."""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the image's description of itself."""
    tool("buildah"), tool("debootstrap")
    if os.geteuid() != 0:
        without("building a base needs root")
    make_base(tmp_path_factory.mktemp("base"))
    build_image()
    about: dict[str, Any] = json.loads(buildah("inspect", "--type", "image", IMAGE))
    return about


@pytest.fixture
def container(image: object, tmp_path: Path) -> Iterator[Container]:
    assert image
    one = Container(tmp_path, CONFIG)
    yield one
    one.remove()


def test_the_image_runs_as_a_user_of_its_own_and_has_no_tools_for_development(container: Container) -> None:
    assert container.run("id", "-u") == "10001"
    installed = container.run(
        "python", "-c", "import importlib.metadata as m; print(*(d.name for d in m.distributions()))"
    )
    assert {"uneri", "numba"} <= set(installed.split())
    assert not {"pytest", "mypy", "uv"} & set(installed.split())


def test_the_image_says_its_version(container: Container) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] in container.run("uneri", "--version")


def test_a_daemon_in_the_image_is_healthy_at_the_port_that_it_exposes_and_takes_events(
    image: dict[str, Any], container: Container, tmp_path: Path
) -> None:
    about = image["Docker"]["config"]
    assert f"{PORT}/tcp" in about["ExposedPorts"]
    kind, *health = about["Healthcheck"]["Test"]
    assert kind == "CMD"
    with pytest.raises(OSError, match="refused"):
        ask("/healthz")
    log, start = tmp_path / "log", tmp_path / "start"
    start.touch()
    with container.running(
        log, TOKENS, *about["Entrypoint"], "run", "--config", "/etc/uneri/uneri.yaml"
    ) as daemon:
        wait_until_healthy(lambda: daemon.poll() is None, log)
        container.run(*health)
        event = {"ts": time.time(), "service": "inventory", "function": "put-item"}
        assert ask("/events", "UNERI_INTAKE_TOKEN", event) == (202, {"accepted": 1})
        assert ask("/status", "UNERI_READ_TOKEN")[0] == 200
        assert "uneri check" not in log.read_text(encoding="utf-8")
    assert daemon.returncode == 0, log.read_text(encoding="utf-8")
    assert container.written(start) == [], "the root may be read-only"
    assert list(container.state.glob("numba-cache/**/*.nbi")), "a restart compiles nothing"


def test_the_check_in_the_image_takes_its_configuration(container: Container) -> None:
    said = container.run(
        "env",
        *(f"{name}={value}" for name, value in TOKENS.items()),
        "uneri",
        "check",
        "--config",
        "/etc/uneri/uneri.yaml",
    )
    assert "WRONG" not in said


def ask(path: str, token: str = "", event: dict[str, Any] | None = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
    headers = {"Authorization": f"Bearer {TOKENS[token]}"} if token else {}
    body = None if event is None else json.dumps(event)
    connection.request("GET" if body is None else "POST", path, body, headers)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    return answer.status, json.loads(said) if said.startswith(b"{") else said


def wait_until_healthy(alive: Any, log: Path) -> None:
    end = time.monotonic() + 300  # the first start compiles
    while time.monotonic() < end and alive():
        try:
            if ask("/healthz")[0] == http.client.OK:
                return
        except OSError:
            pass
        time.sleep(0.2)
    pytest.fail(log.read_text(encoding="utf-8"))
