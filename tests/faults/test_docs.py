import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_every_test_that_the_pages_of_failures_name_exists() -> None:
    pages = [(ROOT / "docs" / name).read_text() for name in ("what-happens-when.md", "faults.md")]
    named = {name for page in pages for name in re.findall(r"`(test_\w+)`", page)}
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    assert named
    assert named - there == set()
