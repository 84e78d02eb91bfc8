"""The same findings become the same notices, dispatches, rows of the outbox and bytes of state, as pinned."""

import json

import pytest

from tests.alerting.recorded import FILE, SEEDS, digests, outcome

AGAIN = "if that was meant, run `PYTHONPATH=. python tests/alerting/recorded.py` and commit what it writes"


@pytest.mark.parametrize("seed", SEEDS)
def test_what_becomes_of_recorded_findings_is_pinned_to_the_byte(seed: int) -> None:
    assert digests(outcome(seed)) == json.loads(FILE.read_text())[str(seed)], AGAIN


def test_restarts_change_no_byte() -> None:
    assert digests(outcome(0, restarts=None)) == json.loads(FILE.read_text())["0"]
