import os
from pathlib import Path

from streams.sqlite_store import SqliteStore
from streams.standard_input import StandardInput


async def test_every_line_is_taken_in_to_the_end_of_input_also_the_last_without_a_line_end(
    tmp_path: Path,
) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"a\nb\n\nc")
    os.close(writing)
    with SqliteStore(tmp_path / "db") as store:
        assert await StandardInput(reading, store, lambda: None).run() == 3
        assert store.read(0).records == [b"a", b"b", b"c"]
    os.close(reading)
