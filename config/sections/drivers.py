"""Where records come from and where a daemon listens."""

from typing import Annotated, Literal

from pydantic import Field

from config.sections.section import Section
from config.sections.value_types import Address, PathName, VariableName


class KafkaSettings(Section):
    """The Kafka driver: the topic of requests, and the daemon's own topics."""

    brokers: list[Address] = Field(
        ["127.0.0.1:9092"], min_length=1, description="bootstrap brokers, host:port"
    )
    app: str = Field(
        "uneri",
        pattern=r"^[a-zA-Z0-9._-]{1,100}$",
        description="consumer group, and prefix of the daemon's own topics",
    )
    requests: str = Field(
        "requests", pattern=r"^[a-zA-Z0-9._-]{1,249}$", description="topic with one event per record"
    )
    shards: Annotated[int, Field(ge=1, le=256)] = Field(4, description="partitions of the rollups topic")
    replication: Annotated[int, Field(ge=1, le=9)] = Field(
        1, description="replication factor of the daemon's own topics"
    )
    security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        "plaintext", description="security protocol of the brokers"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None, description="SASL mechanism, with sasl_plaintext or sasl_ssl"
    )
    username_env: VariableName | None = Field(
        None, description="environment variable that holds the SASL user name"
    )
    password_env: VariableName | None = Field(
        None, description="environment variable that holds the SASL password"
    )
    worker_env: VariableName = Field(
        "UNERI_WORKER",
        description="environment variable that holds the name of this worker, if it has one; the name must "
        "be unique, and a worker that restarts under it regains its partitions at once",
    )


class LocalSettings(Section):
    """The embedded driver, which needs no broker."""

    listen: Address = Field("127.0.0.1:8765", description="host:port of the intake")
    state: PathName = Field(
        "uneri-state",
        description="folder of its own for the SQLite log, checkpoints and outbox; only its user has access",
    )
    backlog: Annotated[int, Field(ge=1000)] = Field(
        5_000_000,
        description="records that may wait to be judged; beyond this, senders get 503 and files wait",
    )
    backlog_mib: Annotated[int, Field(ge=64)] = Field(
        2048, description="size of the log, MiB; beyond this, senders get 503 and files wait"
    )


class WebSettings(Section):
    """Health, metrics and status of the Kafka daemon."""

    listen: Address = Field("127.0.0.1:8766", description="host:port")
