"""``uneri labels`` leaves what replay reads, or says in one line why not."""

from pathlib import Path

import pytest

from streams.labels_command import show_labels

NOBODY = "http://127.0.0.1:9"


@pytest.mark.parametrize("name", ["labels", "labels.json", "labels.txt"])
def test_a_name_that_says_no_form_is_refused_before_anybody_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert show_labels(NOBODY, tmp_path / name) == 2
    assert capsys.readouterr().err == (
        f"uneri: --out {tmp_path / name}: end the name with .yaml, .yml, .csv or .jsonl\n"
    )
    assert not list(tmp_path.iterdir())
