"""The audit distinguishes "no vulnerability" from "no advisory data"."""

from typing import Any

import pytest

from release.audit import verdict

SOUND: dict[str, Any] = {"name": "idna", "version": "3.10", "vulns": []}
FLAWED: dict[str, Any] = {
    "name": "jinja2",
    "version": "3.1.5",
    "vulns": [{"id": "PYSEC-2025-1", "fix_versions": ["3.1.6"]}, {"id": "PYSEC-2025-2", "fix_versions": []}],
}
UNKNOWN: dict[str, Any] = {"name": "uneri-x", "skip_reason": "Dependency not found"}


@pytest.mark.parametrize(
    ("answers", "code", "said"),
    [
        ([[SOUND]], 0, ["audit: 1 packages audited, 0 vulnerabilities"]),
        (
            [[SOUND, FLAWED]],
            1,
            [
                "audit: jinja2 3.1.5: PYSEC-2025-1; fixed in 3.1.6",
                "audit: jinja2 3.1.5: PYSEC-2025-2; no fix yet",
                "audit: 2 packages audited, 2 vulnerabilities",
            ],
        ),
        (
            [[SOUND, UNKNOWN]],
            2,
            [
                "audit: uneri-x: not audited: Dependency not found",
                "audit: 1 packages audited, 0 vulnerabilities",
            ],
        ),
        ([None, [SOUND]], 0, ["audit: 1 packages audited, 0 vulnerabilities"]),
        ([[UNKNOWN], [SOUND]], 0, ["audit: 1 packages audited, 0 vulnerabilities"]),
    ],
    ids=[
        "sound",
        "vulnerable",
        "one that nobody knows",
        "one service is down",
        "a mirror without advisories",
    ],
)
def test_an_audit_counts_as_passed_only_if_every_version_was_looked_up(
    answers: list[list[dict[str, Any]] | None], code: int, said: list[str]
) -> None:
    found = verdict(answers)
    assert (found.code, found.lines) == (code, said)


@pytest.mark.parametrize("answers", [[None, None], [[UNKNOWN], None]])
def test_an_audit_without_advisory_data_fails_in_one_line(
    answers: list[list[dict[str, Any]] | None],
) -> None:
    found = verdict(answers)
    assert found.code == 2
    [line] = found.lines
    assert "no advisory data can be reached" in line
    assert "nothing was audited" in line
