"""Promises of the repository: names, licence, lock and files that belong together."""

import ast
import re
import tomllib
from collections import Counter
from importlib.metadata import distribution, packages_distributions
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from streams.process.extras import EXTRAS

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("package", ["streams", "detectors", "alerting", "config"])
def test_a_flat_package_name_belongs_to_uneri_alone(package: str) -> None:
    foreign = set(packages_distributions().get(package, [])) - {"uneri"}
    assert not foreign, f"{package} also comes from {', '.join(sorted(foreign))}: uninstall it"


@pytest.mark.parametrize("package", ["streams", "detectors", "alerting", "config"])
def test_a_flat_package_is_imported_from_this_checkout(package: str) -> None:
    assert distribution("uneri").metadata["Name"] == "uneri"
    found = find_spec(package)
    assert found is not None
    assert found.origin == str(ROOT / package / "__init__.py")


def test_the_lock_names_no_host_and_has_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert not re.search(r"^\s*-", lock.replace("    --hash=", "    hash="), re.MULTILINE)
    pins = re.findall(r"^[a-z0-9._-]+(?:\[[a-z,-]+\])?==[^\s;]+.*\\$", lock, re.MULTILINE)
    assert len(pins) == len(re.findall(r"^\S", lock, re.MULTILINE))


def test_the_lock_covers_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = {
        name: packages
        for name, packages in project["project"]["optional-dependencies"].items()
        if name != "all"
    }
    wanted = [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *chain.from_iterable(extras[name] for name in extras if name != "all"),
    ]
    locked = set(
        re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE)
    )
    names = {re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower() for requirement in wanted}  # type: ignore[index]
    assert {re.sub("[._]", "-", name) for name in names} <= locked


def test_everything_optional_is_in_one_extra_that_a_command_can_name_and_in_the_one_of_everything() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert re.fullmatch(r"uneri\[(.+)\]", extras["all"][0])[1].split(",") == [  # type: ignore[index]
        name for name in extras if name != "all"
    ]
    assert sorted(set(EXTRAS.values())) == sorted(set(extras) - {"all"})
    needed = {re.split("[<>=]", requirement)[0] for requirement in project["dependencies"]}
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `(\w+)` \| .* MB", page, re.MULTILINE)) == sorted(extras)
    for name, packages in extras.items():
        assert name == "all" or not {re.split("[<>=]", package)[0] for package in packages} & needed


def test_the_version_is_written_in_one_place_and_pages_and_charts_agree_with_it() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    named = re.findall(
        r"uneri-(\d+\.\d+\.\d+(?:\.dev\d+)?)", (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    )
    for chart in (ROOT / "deploy").rglob("Chart.yaml"):
        named += re.findall(r'^appVersion: "?([^"\s]+)', chart.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) == {version}


def test_compose_and_tests_use_the_same_kafka() -> None:
    compose = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    version = compose["services"]["kafka"]["image"].removeprefix("apache/kafka:")
    pom = ROOT / "tests" / "kafka" / "pom.xml"
    assert re.fullmatch(r"4\.\d+\.\d+", version)
    assert f"<version>{version}</version>" in pom.read_text(encoding="utf-8")


def test_the_boards_know_nothing_of_the_house_and_their_data_carry_a_licence() -> None:
    boards = ROOT / "benchmarks" / "boards"
    scorers = list(boards.glob("*.py"))
    assert scorers
    for scorer in scorers:
        text = scorer.read_text(encoding="utf-8")
        assert not re.search(
            r"^\s*(?:import|from) (?:uneri|streams|alerting|detectors|config)\b", text, re.MULTILINE
        )
    for data in (boards / "data").iterdir():
        assert (data / "LICENSE").read_text(encoding="utf-8").strip()


def test_no_public_class_name_stands_for_two_things() -> None:
    names = Counter(
        node.name
        for package in ("streams", "alerting", "detectors", "config")
        for module in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in names.items() if count > 1] == []
