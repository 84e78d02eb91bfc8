"""docs/install.md names every dependency that is under a copyleft licence."""

import re
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
COPYLEFT = re.compile(r"GPL|MPL|EPL|EUPL|CDDL|OSL|GNU|Mozilla", re.IGNORECASE)
MIT = "Permission is hereby granted, free of charge"


def installed() -> dict[str, Distribution]:
    """Return what an installation with all extras brings, as far as this platform wants it."""
    known: dict[str, Distribution] = {}
    visited, left = set(), [("uneri", frozenset({"", "all"}))]
    while left:
        name, extras = left.pop()
        if (name, extras) in visited:
            continue
        visited.add((name, extras))
        known[name] = distribution(name)
        for text in known[name].requires or ():
            needed = Requirement(text)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                left.append((canonicalize_name(needed.name), frozenset({"", *needed.extras})))
    del known["uneri"]
    return known


def stated(package: Distribution) -> str:
    """Return what a package says about its licence, without the text of one."""
    metadata = package.metadata.json
    classifiers = [text for text in metadata.get("classifier", ()) if text.startswith("License ::")]
    first = str(metadata.get("license", "")).partition("\n")[0]
    return " ".join([str(metadata.get("license_expression", "")), first, *classifiers]).strip()


def test_the_page_names_exactly_the_dependencies_with_a_copyleft_licence() -> None:
    found = {name for name, package in installed().items() if COPYLEFT.search(stated(package))}
    section = (ROOT / "docs" / "install.md").read_text().partition("## Licences\n")[2].partition("\n## ")[0]
    named = re.findall(r"^\| `([a-z0-9-]+)` \|", section, re.MULTILINE)
    assert sorted(found) == sorted(named)


def test_what_says_nothing_about_its_licence_comes_with_that_of_mit() -> None:
    silent = [package for package in installed().values() if not stated(package)]
    for package in silent:
        files = [file for file in package.files or () if "LICEN" in file.name.upper()]
        assert any(MIT in file.read_text() for file in files), package.name
