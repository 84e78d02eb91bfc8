"""A backfill for the daemons of a Kafka app, which take it up shard by shard."""

import typer

from config.settings import KafkaSettings, Settings
from streams.offline.backfill.beside_kafka import beside_kafka, find_app, forget_kafka
from streams.offline.backfill.kept_lesson import Watch
from streams.offline.backfill.lesson import Learnt, Lesson


class KafkaTarget:
    """Implements ``streams.cli.backfill_target.BackfillTarget``."""

    def __init__(self, kafka: KafkaSettings, settings: Settings) -> None:
        self._settings = settings
        self._app = find_app(kafka, settings.sources)
        self.begins = self._app.begins
        self.shards = kafka.shards

    def learn(self, lesson: Lesson, watch: Watch, *, restart: bool) -> Learnt | None:
        """Run a lesson, whose state is kept in Kafka."""
        return beside_kafka(self._app, self._settings, lesson, watch, restart=restart)

    def finish(self, said: str) -> int:
        """Say who takes it up."""
        typer.echo(f"{said}; {self._who()}")
        return 0

    def forget(self) -> int:
        """Ask for it, and say who does it."""
        forget_kafka(self._app)
        typer.echo(f"what backfills taught is to be forgotten; {self._who()}")
        return 0

    def _who(self) -> str:
        several = f"each of the {self.shards} shards takes" if self.shards > 1 else "the shard takes"
        return (
            f"{several} this up by itself, or when its daemon is started; `uneri status` shows how far it is"
        )
