"""The map of the house: every step of the walk and every folder it names is there, and none is left out."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
WALK = PAGE.partition("## The path of an event")[2].partition("\n## ")[0]
STEP = re.compile(r"\[`?([\w.]+)`?\]\(\.\./([\w/]+\.py)\)")
PACKAGES = ("streams", "alerting", "detectors")


def defined(module: Path) -> set[str]:
    """Return the classes and functions of a module, methods as ``Class.method``."""
    found: set[str] = set()
    for node in ast.parse(module.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found |= {node.name}
            found |= {
                f"{node.name}.{inner.name}"
                for inner in node.body
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
            }
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
    return found


@pytest.mark.parametrize(("name", "path"), STEP.findall(WALK))
def test_each_step_of_the_walk_links_to_the_code_it_names(name: str, path: str) -> None:
    module = ROOT / path
    assert module.is_file()
    assert name in defined(module) or name == module.stem


def test_the_walk_has_a_link_in_every_step() -> None:
    steps = re.split(r"\n\d+\. ", WALK)[1:]
    assert len(steps) == 3
    assert all(STEP.search(step) for step in steps)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_map_has_a_line_for_every_folder_and_no_other(package: str) -> None:
    there = {folder.parent.name for folder in (ROOT / package).glob("*/__init__.py")}
    listed = set(re.findall(rf"^\| \[`{package}/(\w+)`\]\(\.\./{package}/\1\)", PAGE, re.MULTILINE))
    assert listed == there


def test_the_map_has_a_line_for_every_folder_of_a_room_and_no_other() -> None:
    rooms = {"cli", "offline", "drivers", "screens", "record", "ingest", "engine", "process"}
    there = {
        f"{folder.parts[-3]}/{folder.parts[-2]}"
        for folder in (ROOT / "streams").glob("*/*/__init__.py")
        if folder.parts[-3] in rooms
    }
    listed = set(re.findall(r"^\| · \[`(\w+/\w+)`\]\(\.\./streams/\1\)", PAGE, re.MULTILINE))
    assert listed == there


@pytest.mark.parametrize("room", ["drivers", "engine", "screens"])
def test_the_map_links_to_every_folder_within_those_of_a_room(room: str) -> None:
    for folder in (ROOT / "streams" / room).glob("*/*/__init__.py"):
        assert f"](../{folder.parent.relative_to(ROOT).as_posix()})" in PAGE


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_says_what_it_is_for(package: str) -> None:
    for init in (ROOT / package).rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(init.read_text("utf-8"))), init


@pytest.mark.parametrize("package", [*PACKAGES, "config"])
def test_no_folder_holds_more_than_twenty_modules(package: str) -> None:
    for folder in {path.parent for path in (ROOT / package).rglob("*.py")}:
        modules = [path.name for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= 20, (folder, len(modules))


def test_every_link_of_the_map_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
