"""The wheel and the source distribution hold the program, and nothing else."""

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.message import Message
from email.parser import BytesParser
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
VERSION = PROJECT["version"]
PACKAGES = ("streams", "detectors", "alerting", "config")
WRITTEN_HERE = {".py", ".yaml", ".j2", ".css", ".js", ".html", ".svg"}
"""Kinds of files that are our own; data of others comes with a licence."""


def built(source: Path, into: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", into], cwd=source, check=True, capture_output=True
    )
    return into


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    return dist / f"uneri-{VERSION}-py3-none-any.whl"


def sources() -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as opened:
        return BytesParser().parsebytes(opened.read(f"uneri-{VERSION}.dist-info/METADATA"))


def test_the_wheel_holds_the_four_packages_whole_the_licence_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
    about = {name for name in names if name.startswith(f"uneri-{VERSION}.dist-info/")}
    licences = {
        name for name in sources() if name.endswith("/LICENSE") and ("/vendor/" in name or "/fonts/" in name)
    }  # among others
    assert names - about == sources() - licences
    assert f"uneri-{VERSION}.dist-info/licenses/LICENSE" in about
    vendored = (ROOT / "streams" / "screens" / "board" / "page" / "vendor").iterdir()
    assert {
        f"uneri-{VERSION}.dist-info/licenses/streams/screens/board/page/vendor/{path.name}/LICENSE"
        for path in vendored
    } <= about
    assert f"uneri-{VERSION}.dist-info/licenses/alerting/sinks/fonts/LICENSE" in about


def test_the_source_distribution_holds_what_the_wheel_is_built_from_and_nothing_else(dist: Path) -> None:
    with tarfile.open(dist / f"uneri-{VERSION}.tar.gz") as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    assert names == sources() | {
        "PKG-INFO",
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        ".gitignore",
    }


def test_the_wheel_from_the_source_distribution_is_that_from_the_repository_byte_for_byte(
    dist: Path, wheel: Path, tmp_path: Path
) -> None:
    with tarfile.open(dist / f"uneri-{VERSION}.tar.gz") as opened:
        opened.extractall(tmp_path, filter="data")
    again = built(tmp_path / f"uneri-{VERSION}", tmp_path / "dist") / wheel.name
    assert again.read_bytes() == wheel.read_bytes()


def test_the_wheel_says_what_it_runs_on_and_what_can_be_left_out(wheel: Path) -> None:
    about = metadata(wheel)
    assert about["Version"] == VERSION
    assert about["Requires-Python"] == ">=3.11"
    assert about["License-Expression"] == "MIT AND Apache-2.0 AND Bitstream-Vera"
    assert about.get_all("Provides-Extra") == sorted(PROJECT["optional-dependencies"])


def test_bundled_files_of_another_kind_than_our_own_come_with_a_licence() -> None:
    foreign = [PurePosixPath(name) for name in sources() if PurePosixPath(name).suffix not in WRITTEN_HERE]
    for path in foreign:
        assert (ROOT / path.parent / "LICENSE").is_file(), f"{path}: whose is it? Add a LICENSE beside it"
