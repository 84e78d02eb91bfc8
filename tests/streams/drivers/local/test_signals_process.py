"""Signals to a running daemon."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Timer
from typing import IO, Any

import pytest

UNERI = str(Path(sys.executable).with_name("uneri"))
UP = "accepting events"


PATIENCE = 60.0  # seconds until a daemon that does not do what a test waits for is killed


def not_under_nohup() -> None:
    """Undo what this test run may be under."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def blocks_hangups(process: int) -> bool:
    status = Path(f"/proc/{process}/status").read_text()
    blocked = next(line for line in status.splitlines() if line.startswith("SigBlk"))
    return bool(int(blocked.split()[1], 16) >> (signal.SIGHUP - 1) & 1)


def line_with(log: IO[str], said: str) -> str:
    return next(line for line in log if said in line)


@contextmanager
def running(folder: Path, *before: str, **options: Any) -> Iterator[tuple[Any, Callable[[str], str]]]:
    """Run a daemon; yield its process, and a function that waits for a line of its log."""
    config = folder / "uneri.yaml"
    config.write_text(f"local: {{listen: '127.0.0.1:0', state: '{folder / 'state'}'}}\n")
    with subprocess.Popen(
        [*before, UNERI, "run", "--config", str(config)],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=not_under_nohup,  # noqa: PLW1509 - no thread of this process holds a lock it needs
        **options,
    ) as process:
        impatient = Timer(PATIENCE, process.kill)
        impatient.start()
        try:
            assert process.stderr is not None
            yield process, partial(line_with, process.stderr)
        finally:
            impatient.cancel()
            process.kill()


def test_a_hangup_reloads_the_configuration_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    with running(tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as (daemon, wait_for):
        wait_for(UP)
        config = tmp_path / "uneri.yaml"
        text = config.read_text()
        config.write_text(f"{text}slack: {{channel: '#ops'}}\ntime: {{idle: 40}}\n")
        daemon.send_signal(signal.SIGHUP)
        assert "changed=['slack.channel']" in wait_for("configuration reloaded")
        assert "settings=['time.idle']" in wait_for("take effect at a restart")
        config.write_text(f"{text}slack: {{chanel: '#ops'}}\n")
        daemon.send_signal(signal.SIGHUP)
        assert f"{config}:2:9: unknown key 'chanel' in slack" in wait_for("nothing was changed")
        daemon.send_signal(signal.SIGTERM)
        assert wait_for("stopped")
        assert daemon.wait(20) == 0


@pytest.mark.release
def test_a_hangup_while_it_starts_reloads_once_it_runs(tmp_path: Path) -> None:
    with running(tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as (daemon, wait_for):
        while not blocks_hangups(daemon.pid):  # the first thing that it does
            time.sleep(0.01)
        daemon.send_signal(signal.SIGHUP)
        assert wait_for(UP)
        assert wait_for("configuration reloaded")
        daemon.send_signal(signal.SIGTERM)
        assert wait_for("stopped")
        assert daemon.wait(20) == 0


def test_a_daemon_whose_terminal_closes_stops_cleanly(tmp_path: Path) -> None:
    ours, terminal = os.openpty()
    with running(tmp_path, stdin=terminal, stdout=subprocess.DEVNULL) as (daemon, wait_for):
        os.close(terminal)
        wait_for(UP)
        daemon.send_signal(signal.SIGHUP)
        assert wait_for("stopped")
        assert daemon.wait(20) == 0
    os.close(ours)


@pytest.mark.release
def test_a_daemon_under_nohup_goes_on_when_its_terminal_closes(tmp_path: Path) -> None:
    ours, terminal = os.openpty()
    with running(tmp_path, "nohup", stdin=terminal, stdout=subprocess.DEVNULL) as (daemon, wait_for):
        os.close(terminal)
        wait_for(UP)
        daemon.send_signal(signal.SIGHUP)
        daemon.send_signal(signal.SIGTERM)
        assert "SIGHUP" not in wait_for("stopped")
        assert daemon.wait(20) == 0
    os.close(ours)


@pytest.mark.release
def test_the_same_signal_again_ends_a_daemon_that_waits_for_an_upload(tmp_path: Path) -> None:
    with (
        running(tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as (daemon, wait_for),
        socket.socket() as upload,
    ):
        port = re.search(r":(\d+)/events", wait_for(UP))
        assert port is not None
        upload.connect(("127.0.0.1", int(port[1])))
        upload.sendall(
            b"POST /events HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"
        )
        assert b" 100 " in upload.recv(100)
        daemon.send_signal(signal.SIGINT)
        daemon.send_signal(signal.SIGINT)  # a launcher may pass on what the terminal has sent already
        time.sleep(0.3)
        assert daemon.poll() is None
        began = time.monotonic()
        while daemon.poll() is None:
            daemon.send_signal(signal.SIGINT)
            time.sleep(0.1)
        assert time.monotonic() - began < 5
        assert daemon.returncode == 130
        assert "at once" in wait_for("stopped")
