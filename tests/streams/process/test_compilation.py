"""A first start logs that it compiles, for how long, and where the result is kept."""

import importlib.util
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detectors.state.compiled import COMPILES, is_kept
from streams.process.compilation import BEGINS, BackgroundCompile, announce_compiling, wait_until_kept

pytestmark = pytest.mark.skipif(not COMPILES, reason="the compiler is off")

SOURCE = """
from detectors.state.compiled import compiled

@compiled
def twice(number):
    return 2 * number
"""


def twice_of(folder: Path, name: str = "twice") -> Callable[[int], int]:
    """Load a compiled function of a module in ``folder``, as a process that starts does."""
    path = folder / f"{name}.py"
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function: Callable[[int], int] = module.twice
    return function


def test_the_compiler_is_announced_when_it_begins_and_when_it_has_ended(tmp_path: Path) -> None:
    lines: list[str] = []
    with announce_compiling(lines.append):
        assert not lines
        assert twice_of(tmp_path)(2) == 4
        assert lines == [BEGINS]
    assert len(lines) == 2
    assert re.fullmatch(rf"compiled in \d+ s; kept in {tmp_path}\S* for the next start", lines[1])


def test_what_is_in_the_cache_is_loaded_without_a_word(tmp_path: Path) -> None:
    twice_of(tmp_path)(2)
    lines: list[str] = []
    with announce_compiling(lines.append):
        assert twice_of(tmp_path)(2) == 4
    assert not lines


def test_machine_code_that_cannot_be_kept_is_said_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("numba.core.caching.CacheImpl._locator_classes", [])
    lines: list[str] = []
    with announce_compiling(lines.append):
        assert twice_of(tmp_path)(2) == 4
    assert "every start compiles them again: set NUMBA_CACHE_DIR" in lines[1]


@pytest.mark.parametrize(("processors", "times"), [(2, 1), (1, 2)])
def test_where_there_are_two_processors_another_process_compiles_a_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processors: int, times: int
) -> None:
    monkeypatch.setattr("streams.process.compilation.cores", lambda: processors)
    twice_of(tmp_path, "others")  # writes the module
    monkeypatch.syspath_prepend(tmp_path)
    beside = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import others; others.twice(2)"
    heard: list[str] = []
    monkeypatch.setattr("streams.process.compilation._ended", lambda paths, _: str(len(paths)))
    with announce_compiling(heard.append, beside) as process:
        assert twice_of(tmp_path)(2) == 4
        process.wait()
        assert twice_of(tmp_path, "others")(2) == 4
    assert heard == [BEGINS, str(times)]


def test_what_a_compile_process_fails_to_compile_is_compiled_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.process.compilation.cores", lambda: 2)
    with announce_compiling(lambda _: None, "raise SystemExit(1)") as process:
        assert twice_of(tmp_path)(2) == 4
        process.wait()
        assert twice_of(tmp_path, "others")(2) == 4


def test_a_compile_process_ends_with_what_needed_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.process.compilation.cores", lambda: 2)
    with announce_compiling(lambda _: None, "import time; time.sleep(600)") as process:
        twice_of(tmp_path)(2)
    process.wait()  # returns: nothing runs


def test_background_compilation_is_ready_when_its_code_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.process.compilation.cores", lambda: 2)
    made, later = tmp_path / "made", BackgroundCompile()
    assert later.ready()
    later.begin(f"import pathlib, time\nwhile not pathlib.Path({str(made)!r}).exists(): time.sleep(0.01)")
    assert not later.ready()
    made.touch()
    deadline = time.monotonic() + 60
    while not later.ready():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_machine_code_that_few_need_is_made_when_it_is_asked_for_after_what_all_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.process.compilation.cores", lambda: 2)
    begun, first, then = tmp_path / "begun", BackgroundCompile(), BackgroundCompile()
    first.begin("import time; time.sleep(600)")
    then.begin_at_need(f"import pathlib; pathlib.Path({str(begun)!r}).touch()", after=first)
    assert not then.ready()
    assert not then._processes, "it would take a processor from the first"
    first._processes[0].stop()
    assert not begun.exists(), "and nobody has asked since"
    then.ready()
    deadline = time.monotonic() + 60
    while not (begun.exists() and then.ready()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_machine_code_is_made_no_longer_than_it_is_wanted() -> None:
    program = (
        "from streams.process import compilation; compilation.cores = lambda: 2\n"
        "compilation.SPANS.begin('import time; time.sleep(600)')\n"
        "print(compilation.SPANS._processes[0]._process.pid)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


def test_whether_machine_code_is_kept_is_known_before_it_is_needed(tmp_path: Path) -> None:
    twice = twice_of(tmp_path)
    assert is_kept(twice) is False
    twice(2)
    assert is_kept(twice)
    assert is_kept(twice_of(tmp_path)), "in another process, too"


def test_who_needs_what_another_process_compiles_waits_for_it_but_not_forever(tmp_path: Path) -> None:
    twice, began = twice_of(tmp_path), time.monotonic()
    wait_until_kept(twice, 0.05)
    assert is_kept(twice) is False
    twice(2)
    wait_until_kept(twice, 600)
    assert time.monotonic() - began < 60


def test_machine_code_of_another_processor_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    twice: Any = twice_of(tmp_path)
    twice(2)
    monkeypatch.setattr(type(twice.targetctx.codegen()), "magic_tuple", lambda _: ("another",))
    assert is_kept(twice) is False
