"""A backup of the state as one file: a tar archive, compressed with zstd, with the checksum of each member.

``tar --zstd -xf FILE && sha256sum -c SHA256SUMS`` opens and checks it without Uneri.
"""

import contextlib
import hashlib
import io
import tarfile
import time
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import IO, Final

import msgspec

from detectors.state import zstd
from detectors.state.state import FORMAT, Writer, refuse_newer, this_writer

ABOUT: Final = "about.json"
SUMS: Final = "SHA256SUMS"
EMBEDDED: Final = "embedded"
KAFKA: Final = "kafka"
_COPIED: Final = 1 << 20  # bytes at a time
_PACKED: Final[dict[int, int]] = {
    zstd.CompressionParameter.compression_level: 6,
    zstd.CompressionParameter.checksum_flag: 1,
}
_LARGEST_ABOUT: Final = 1 << 20

Member = tuple[str, "Path | bytes"]
"""A name in the archive, and a file or bytes."""


class ArchiveError(Exception):
    """A file is no backup, a damaged one, or one of another driver; one line, with the remedy."""


class InputTopic(msgspec.Struct):
    """A topic of an input."""

    partitions: int
    topic_id: str


class About(msgspec.Struct, kw_only=True):
    """The description of an archive; its first member."""

    driver: str
    format: int
    version: str  # of uneri
    made: int  # epoch seconds
    requests: str = ""  # Kafka: the topic, its partitions and id, and the number of shards
    partitions: int = 0
    topic_id: str = ""
    shards: int = 0
    inputs: dict[str, "InputTopic"] = {}  # Kafka: the topics of inputs


def about_now(driver: str) -> About:
    """Return the description of an archive that is made now."""
    own = this_writer()
    return About(driver=driver, format=FORMAT, version=own.version, made=int(time.time()))


def write_archive(path: Path, about: About, members: Iterable[Member]) -> None:
    """Write an archive that only its owner may read.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    path.touch(mode=0o600)
    sums: list[str] = []
    with (
        path.open("wb") as file,
        zstd.ZstdFile(file, "wb", options=_PACKED) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, content in ((ABOUT, msgspec.json.encode(about)), *members):
            sums.append(f"{_add(tar, name, content, about.made)}  {name}\n")
        _add(tar, SUMS, "".join(sums).encode(), about.made)


def _add(tar: tarfile.TarFile, name: str, content: Path | bytes, made: int) -> str:
    """Add a member and return its checksum."""
    info = tarfile.TarInfo(name)
    info.mode, info.mtime = 0o600, made
    with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as source:
        info.size = len(content) if isinstance(content, bytes) else content.stat().st_size
        read = _Summed(source)
        tar.addfile(info, read)
    return read.digest.hexdigest()


class _Summed(io.RawIOBase):
    """Reads a file and hashes its content."""

    def __init__(self, source: IO[bytes]) -> None:
        self.digest = hashlib.sha256()
        self._source = source

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self.digest.update(data)
        return data


def check_archive(path: Path) -> About:
    """Read a whole archive and compare the checksums; return its description.

    Raises
    ------
    ArchiveError
        When it is damaged, cut off, or no archive at all.
    detectors.state.state.NewerStateError
        When a later version made it.
    OSError
        When it cannot be read.
    """
    about: About | None = None
    found: list[str] = []
    expected: bytes | None = None
    with _refused_if_damaged(path), contextlib.closing(members_of(path)) as members:
        for name, member in members:
            if name == SUMS:
                expected = member.read()
                continue
            digest = hashlib.sha256()
            if about is None:
                body = member.read(_LARGEST_ABOUT)
                digest.update(body)
                about = _about(path, name, body)
                refuse_newer(Writer(about.format, about.version), str(path))
            while data := member.read(_COPIED):
                digest.update(data)
            found.append(f"{digest.hexdigest()}  {name}\n")
    if about is None or expected is None:
        raise _damaged(path, "it ends too early")
    if "".join(found).encode() != expected:
        raise _damaged(path, "a checksum does not match")
    return about


def check_driver(path: Path, about: About, driver: str) -> None:
    """Refuse an archive of the other driver.

    Raises
    ------
    ArchiveError
        When it is of another driver.
    """
    if about.driver == driver:
        return
    if about.driver == KAFKA:
        fits = "a daemon that reads from Kafka; import it with the configuration that has its kafka section"
    else:
        fits = "an embedded daemon; import it with its configuration, which has no kafka section"
    raise ArchiveError(f"{path}: is the state of {fits}")


def members_of(path: Path) -> Generator[tuple[str, IO[bytes]], None, None]:
    """Yield the members of an archive, each to be read before the next one.

    Raises
    ------
    ArchiveError
        When it is damaged.
    OSError
        When it cannot be read.
    """
    with (
        _refused_if_damaged(path),
        path.open("rb") as file,
        zstd.ZstdFile(file) as unpacked,
        tarfile.open(fileobj=unpacked, mode="r|") as tar,
    ):
        for info in tar:
            if (member := tar.extractfile(info)) is None:
                raise _damaged(path, f"{info.name} is no file")
            yield info.name, member


@contextlib.contextmanager
def _refused_if_damaged(path: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, zstd.ZstdError, EOFError) as error:
        raise _damaged(path, str(error)) from error


def copy_member(member: IO[bytes], path: Path) -> None:
    """Write a member to a new file for its owner alone."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    with path.open("wb") as file:
        while data := member.read(_COPIED):
            file.write(data)


def _about(path: Path, name: str, body: bytes) -> About:
    if name == ABOUT:
        with contextlib.suppress(msgspec.MsgspecError):
            return msgspec.json.decode(body, type=About)
    raise ArchiveError(f"{path}: is no backup of a state; give a file that `uneri state export` wrote")


def _damaged(path: Path, why: str) -> ArchiveError:
    return ArchiveError(f"{path}: is damaged ({why}); nothing was imported: use another backup")
