"""A command starts within the patience of whoever typed it."""

import subprocess
import sys


def test_what_only_some_commands_need_is_not_loaded_to_list_commands() -> None:
    """A compiler and an array library take longer to load than most commands run; settings take a while."""
    helped = "import sys; from streams.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    done = subprocess.run(
        [sys.executable, "-c", helped + "print(*sorted(sys.modules))"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    *shown, modules = done.stdout.splitlines()
    assert any("Run the daemon." in line for line in shown)
    heavy = {"numpy", "numba", "scipy", "resvg_py", "pyarrow", "kafka", "aiohttp", "asyncio"}
    settings = {"pydantic", "ruamel.yaml", "structlog", "rich", "importlib.metadata"}
    assert not (heavy | settings) & set(modules.split())
