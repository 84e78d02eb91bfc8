"""Other people's code for web pages is in the tree as published, with its licence, and small."""

import hashlib
from pathlib import Path

import pytest

from release.vendor import PACKAGES, PAGE, ROOT, TESTS, Vendored, VendorError, bring, paths
from streams.screens.board.board_assets import BoardAssets

LARGEST_LOAD = 120_000  # bytes, gzipped: page, styles and scripts, vendored and our own
OF_REPORTS = {"report.js", "report_page.js", "report.css"}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_every_vendored_file_is_the_one_that_was_published(package: Vendored) -> None:
    for path, digest in paths(package).items():
        assert hashlib.sha256((ROOT / path).read_bytes()).hexdigest() == digest, path


def test_no_vendored_folder_holds_anything_else() -> None:
    pinned = {path for package in PACKAGES for path in paths(package)}
    found = {
        path.relative_to(ROOT)
        for folder in (PAGE, TESTS)
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    }
    assert found == pinned


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_licence_lies_beside_every_vendored_file(package: Vendored) -> None:
    assert package.folder / "LICENSE" in paths(package)


def test_the_board_loads_at_most_120_kb() -> None:
    files = BoardAssets("en")._files
    assert files.keys() > OF_REPORTS
    assert 0 < sum(len(file.packed) for name, file in files.items() if name not in OF_REPORTS) < LARGEST_LOAD


def test_what_is_not_the_pinned_package_is_refused_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.tgz"
    other.write_bytes(b"something else")
    monkeypatch.setattr("release.vendor._fetched", lambda *_: other)
    with pytest.raises(VendorError, match="another one is pinned"):
        bring(PACKAGES[0], tmp_path)
    assert list(tmp_path.iterdir()) == [other]
