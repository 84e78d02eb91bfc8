"""An app with a history, of which the role board shows what it writes soon."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from config.settings import Settings
from streams.drivers.kafka.topics import BLOCK_BYTES
from streams.record.history.history_files import HistoryFolder
from tests.faults.daemons import Daemon, Supervisor
from tests.kafka.kafka_app import KafkaApp

SHARDS = 2
SOON = [
    ["streams.record.history.history_writer", "WRITE_SECONDS", 0.1],
    ["streams.record.history.history_writer", "RETRY_SECONDS", 0.1],
]


class HistoryApp(KafkaApp):
    """An app whose history is in the folder of its logs."""

    def __init__(self, broker: str, supervisor: Supervisor, folder: Path, **sections: Any) -> None:
        common = {
            "time": {"idle": 3600},
            "judge": {"young": 3600},
            "notify": {"since": "2020-01-01"},
            "history": {"place": str(folder / "history")},
        }
        super().__init__(broker, supervisor, folder, **{**common, **sections})

    def start(self, *roles: str, settings: Settings | None = None, **options: Any) -> Daemon:
        given = {"constants": SOON, "session": 6, "fetch": None, **options}
        return super().start(*roles, settings=settings, **given)

    def board(self, worker: str = "board", settings: Settings | None = None, **options: Any) -> Daemon:
        return self.start("board", settings=settings, worker=worker, **options)

    def place(self) -> HistoryFolder:
        assert self.settings.history.place is not None
        return HistoryFolder(self.settings.history.place)

    def written(self) -> int:
        """Return up to when the history is in files."""
        return max((file.end for file in self.place().files()), default=0)

    def leave(self, records: Sequence[bytes]) -> None:
        """Write records of steps as the role detect does."""

        async def write() -> None:
            async with AIOKafkaProducer(
                bootstrap_servers=self.kafka.brokers, max_request_size=BLOCK_BYTES
            ) as producer:
                for record in records:
                    await producer.send(self.names.steps, record, partition=0)

        asyncio.run(write())
