import subprocess
import sys

PROGRAM = """
import logging
from streams.process.logs import configure_logs
configure_logs()
def fail(token):
    raise ValueError("no good")
try:
    fail("".join(["uneri_", "secret"]))
except ValueError:
    logging.getLogger("library").exception("it failed")
"""


def test_a_traceback_in_the_log_shows_no_values_which_may_be_secrets() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert "it failed" in done.stderr
    assert "ValueError: no good" in done.stderr
    assert "uneri_secret" not in done.stderr
