import re
from pathlib import Path

import pytest

from tests.faults.run import put_first

ROOT = Path(__file__).parent.parent.parent


def test_a_run_of_kills_replaces_its_own_chapter_alone() -> None:
    page = (ROOT / "docs" / "faults.md").read_text()
    assert (
        put_first("# Killed 3 times\n\nas said\n", page)
        == "# Killed 3 times\n\nas said\n" + page[page.index("\n# Attacked") :]
    )


@pytest.mark.parametrize("page", ["what-happens-when.md", "faults.md", "untruths.md"])
def test_every_test_that_a_page_names_exists(page: str) -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / page).read_text()))
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    assert named
    assert named - there == set()
