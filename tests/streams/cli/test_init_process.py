"""``uneri init`` as a person meets it, in a terminal."""

import os
import pty
import subprocess
import sys
from pathlib import Path

from config.load import load_settings


def test_a_terminal_is_asked(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    run = [sys.executable, "-c", "from streams.cli.main import main; main()", "init"]
    with subprocess.Popen(run, stdin=theirs, stdout=subprocess.PIPE, cwd=tmp_path) as running:
        os.write(ours, b"shop\nhttp\nterminal\nMars/Base\nEurope/Berlin\nDE/BY\n")
        out = running.communicate(timeout=120)[0].decode()
    assert running.returncode == 0
    assert "Name of the service" in out
    assert "did you mean" in out or "write an IANA name" in out
    settings = load_settings(tmp_path / "uneri.yaml")
    assert (settings.calendar.holidays, settings.calendar.timezone) == ("DE/BY", "Europe/Berlin")
    assert settings.sources.inputs[0].service == "shop"
