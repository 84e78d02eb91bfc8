"""Brings what others wrote for web pages into the tree: pinned, verified, unchanged, each with its licence.

``python release/vendor.py`` fetches every package with npm and replaces the files; it exits with 1 and one
line when a package or a file is not the one that is pinned. For another version, change the version and the
integrity (``npm view NAME@VERSION dist.integrity``), and take the hashes of the files from what it says.
"""

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = Path("streams/screens/board/page/vendor")
TESTS: Final = Path("tests/streams/screens/board/axe")


class Vendored(NamedTuple):
    """A package of npm, and what of it is kept."""

    name: str
    version: str
    integrity: str  # of the package, as npm writes it
    folder: Path  # in the tree
    files: dict[str, str]  # path in the package -> SHA-256


PACKAGES: Final = (
    Vendored(
        "uplot",
        "1.6.32",
        "sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==",
        PAGE / "uplot",
        {
            "dist/uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
            "dist/uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
            "LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
        },
    ),
    Vendored(
        "preact",
        "11.2.0",
        "sha512-/HfHI/7N84e6GrWBJ3J280z3mLaRJiDcSvj/A+y/4AbLnND/1UlGHe1sR6oYuTGwId0nP7dqDU9OnLxMPZ7xBg==",
        PAGE / "preact",
        {
            "dist/preact.mjs": "bdcbd9abdf2c77c5c45326eab42191e949222d479d0d5f69467387a77040cb55",
            "LICENSE": "1fe6958409c8c257a70c587a18b6f7f412b179b456630790d30b2ec9a8e4b7d4",
        },
    ),
    Vendored(
        "htm",
        "3.1.1",
        "sha512-983Vyg8NwUE7JkZ6NmOqpCZ+sh1bKv2iYTlUkzlWmA5JD2acKoxd4KVxbMmxX/85mtfdnDmTFoNKcg5DGAvxNQ==",
        PAGE / "htm",
        {
            "dist/htm.mjs": "ab33dd3f38059b9be4d5f5350128eefb2356639c4e0bbe9d9e8b3ba75847e9e4",
            "LICENSE": "740725f7252e750af735d0028cc534970772f513331e9f68150fede8fb3ce00f",
        },
    ),
    Vendored(
        "axe-core",
        "4.14.1",
        "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
        TESTS,
        {
            "axe.min.js": "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c",
            "LICENSE": "af175b9d96ee93c21a036152e1b905b0b95304d4ae8c2c921c7609100ba8df7e",
            "LICENSE-3RD-PARTY.txt": "4f8563870d0fca38bbc3e00b6f670cb7fa9f380ba9f26a7f7d1184a6b18b1653",
        },
    ),
)
"""The packages of the board's page, and those of its tests."""


class VendorError(Exception):
    """A package cannot be had, or is not the one that is pinned."""


def paths(package: Vendored) -> dict[Path, str]:
    """Return where the files of a package are in the tree, with their SHA-256."""
    return {package.folder / Path(name).name: digest for name, digest in package.files.items()}


def bring(package: Vendored, root: Path = ROOT) -> None:
    """Fetch a package and replace its files in the tree.

    Raises
    ------
    VendorError
        When it is not the one that is pinned; the tree is as before.
    """
    with tempfile.TemporaryDirectory() as folder:
        contents = _verified(package, _fetched(package, Path(folder)))
    for path, content in contents.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)


def _fetched(package: Vendored, folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise VendorError("npm is missing: apt-get install npm")
    done = subprocess.run(
        [npm, "pack", "--silent", f"{package.name}@{package.version}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise VendorError(f"{package.name}: npm cannot fetch it: {done.stderr.strip()[-300:]}")
    return next(folder.glob("*.tgz"))


def _verified(package: Vendored, archive: Path) -> dict[Path, bytes]:
    found = f"sha512-{base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()}"
    if found != package.integrity:
        raise VendorError(f"{package.name}: its integrity is {found}, another one is pinned")
    contents = {}
    with tarfile.open(archive) as opened:
        for name, digest in package.files.items():
            member = opened.extractfile(f"package/{name}")
            content = b"" if member is None else member.read()
            if (found := hashlib.sha256(content).hexdigest()) != digest:
                raise VendorError(f"{package.name}: the SHA-256 of {name} is {found}, another one is pinned")
            contents[package.folder / Path(name).name] = content
    return contents


def main() -> int:
    """Bring all packages; return the exit code."""
    try:
        for package in PACKAGES:
            bring(package)
            print(f"vendor: {package.name} {package.version} is in {package.folder}")
    except VendorError as error:
        print(f"vendor: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
