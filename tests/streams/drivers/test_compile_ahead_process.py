"""Code is compiled before a daemon takes events in, and not under the eyes of the watchdog."""

import subprocess
import sys

import pytest

from detectors.state.compiled import COMPILES
from streams.drivers import compile_ahead

pytestmark = pytest.mark.release

PROGRAM = """
import gc
from numba.core.dispatcher import Dispatcher
from config.settings import Settings
from streams.engine.stages.engine import Engine
from streams.drivers.compile_ahead import prepare_process
from streams.offline.simulate.scenario_load import load_scenario
from streams.offline.simulate.simulation import Simulation

def compiled():
    gc.unfreeze()
    found = (dispatcher for dispatcher in gc.get_objects() if isinstance(dispatcher, Dispatcher))
    return {dispatcher.py_func.__qualname__: len(dispatcher.signatures) for dispatcher in found}

prepare_process()
before = compiled()
simulation = Simulation(load_scenario("demo"))
lines = [line for _, _, some in simulation.lines(None, simulation.start + 7200) for line in some]
engine = Engine(Settings(), ["local/0"])
engine.feed("local/0", lines[:1000])
again = Engine(Settings(), ["local/0"])
again.restore(engine.snapshot())
again.feed("local/0", lines[1000:])
assert again.steps > 100
print({name for name, count in compiled().items() if count != before.get(name, 0)} or "nothing")
"""


@pytest.mark.skipif(not COMPILES, reason="the compiler is off")
def test_nothing_is_compiled_while_events_are_judged() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "nothing"


@pytest.mark.parametrize("program", [compile_ahead._DETECTION, compile_ahead._REST, compile_ahead._SPANS])
def test_processes_that_compile_beside_a_daemon_call_functions_that_are_there(program: str) -> None:
    *begins, call = program.split("; ")
    subprocess.run([sys.executable, "-c", "; ".join([*begins, call.removesuffix("()")])], check=True)
