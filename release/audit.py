"""Finds known vulnerabilities in what a release installs; "none" differs from "nobody could be asked".

``python release/audit.py CONSTRAINTS`` exits with 0 when every version was looked up and none is vulnerable,
with 1 when one is, and with 2 when some or all could not be looked up.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

SERVICES: Final = {"pypi": "PyPI", "osv": "OSV"}  # of pip-audit, in the order to ask
SAFE, VULNERABLE, UNKNOWN = 0, 1, 2


class Verdict(NamedTuple):
    """The lines to print, and the exit code."""

    lines: Sequence[str]
    code: int


def asked(service: str, constraints: Path) -> list[dict[str, Any]] | None:
    """Return the answer of a service about each version; None if it does not answer."""
    options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    program = Path(sys.executable).with_name("pip-audit")
    done = subprocess.run(
        [program, "--requirement", constraints, "--vulnerability-service", service, *options],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return None
    return found


def verdict(answers: Iterable[list[dict[str, Any]] | None]) -> Verdict:
    """Judge the first answer that knows anything: a mirror of packages without advisories knows none."""
    for found in answers:
        known = [dependency for dependency in found or () if "skip_reason" not in dependency]
        if known:
            break
    else:
        names = " nor ".join(SERVICES.values())
        line = f"audit: no advisory data can be reached, neither {names}: nothing was audited"
        return Verdict([f"{line}; run it where one of them answers"], UNKNOWN)
    lines = [
        f"audit: {dependency['name']} {dependency['version']}: {flaw['id']}; "
        + (f"fixed in {', '.join(flaw['fix_versions'])}" if flaw["fix_versions"] else "no fix yet")
        for dependency in known
        for flaw in dependency["vulns"]
    ]
    unknown = [dependency for dependency in found or () if "skip_reason" in dependency]
    skipped = [
        f"audit: {dependency['name']}: not audited: {dependency['skip_reason']}" for dependency in unknown
    ]
    lines += [*skipped, f"audit: {len(known)} packages audited, {len(lines)} vulnerabilities"]
    return Verdict(lines, VULNERABLE if len(lines) > len(skipped) + 1 else UNKNOWN if unknown else SAFE)


if __name__ == "__main__":
    result = verdict(asked(service, Path(sys.argv[1])) for service in SERVICES)
    print(*result.lines, sep="\n")
    sys.exit(result.code)
