"""A command starts within the patience of whoever typed it."""

import subprocess
import sys


def test_what_only_some_commands_need_is_not_loaded_for_all() -> None:
    """A compiler and an array library take longer to load than most commands run."""
    loaded = "import sys, streams.cli.commands; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, timeout=60, check=True
    )
    assert not {"numpy", "numba", "aiohttp", "pyarrow", "kafka"} & set(done.stdout.split())
