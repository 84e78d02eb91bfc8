"""One broker for all processes of a test session: a JVM each would cost more than the tests."""

import json
import os
import time
from pathlib import Path
from typing import TypedDict

from filelock import FileLock

from tests.kafka.broker import Broker, BrokerUnavailableError


class _State(TypedDict):
    address: str
    users: list[int]


class SharedBroker:
    """The broker of a session. The first process to join starts it, and closes it when all have left.

    Parameters
    ----------
    folder
        Common to the processes of the session.
    """

    def __init__(self, folder: Path) -> None:
        self._lock = FileLock(folder / "kafka.lock")
        self._file = folder / "kafka.json"
        self._own: Broker | None = None

    def join(self) -> str:
        """Return ``host:port`` of the broker, and start it if it is not running.

        Raises
        ------
        BrokerUnavailableError
            When no broker can be started here.
        """
        with self._lock:
            state = self._read()
            if not state["address"]:
                self._own = Broker(heap="768m")
                try:
                    self._own.start()
                except BrokerUnavailableError:
                    self._own.close()
                    raise
                state["address"] = self._own.address
            state["users"].append(os.getpid())
            self._file.write_text(json.dumps(state))
            return state["address"]

    def leave(self) -> None:
        """Leave; the process that started the broker waits for the others and closes it."""
        with self._lock:
            self._forget(os.getpid())
        while self._own is not None:
            with self._lock:
                state = self._read()
                if not any(_lives(user) for user in state["users"]):
                    self._file.unlink(missing_ok=True)
                    self._own.close()
                    self._own = None
                    return
            time.sleep(0.2)

    def _read(self) -> _State:
        if not self._file.exists():
            return {"address": "", "users": []}
        state: _State = json.loads(self._file.read_text())
        return state

    def _forget(self, user: int) -> None:
        state = self._read()
        state["users"] = [number for number in state["users"] if number != user]
        self._file.write_text(json.dumps(state))


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
