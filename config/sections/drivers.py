"""Where records come from and where a daemon listens."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from config.secret import SecretPlace
from config.sections.kafka_security import (
    KafkaIamSettings,
    KafkaOauthSettings,
    KafkaTlsSettings,
    SaslMechanism,
    Security,
    mistakes,
)
from config.sections.section import Section, refuse
from config.sections.value_types import Address, HostName, PathName, SecretFile, VariableName


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
        "requests",
        pattern=r"^[a-zA-Z0-9._-]{0,249}$",
        description='topic with one event of docs/event.md per record; "" when only the topics of '
        "sources.inputs are read",
    )
    shards: Annotated[int, Field(ge=1, le=256)] = Field(4, description="partitions of the rollups topic")
    replication: Annotated[int, Field(ge=1, le=9)] = Field(
        1, description="replication factor of the daemon's own topics"
    )
    security: Security = Field("plaintext", description="security protocol of the brokers")
    tls: KafkaTlsSettings | None = None
    sasl_mechanism: SaslMechanism | None = Field(
        None, description="SASL mechanism, with sasl_plaintext or sasl_ssl"
    )
    username_env: VariableName | None = Field(
        None, description="environment variable that holds the user name, for PLAIN and SCRAM"
    )
    username_file: SecretFile | None = Field(None, description="file that holds it instead")
    password_env: VariableName | None = Field(
        None, description="environment variable that holds the password, for PLAIN and SCRAM"
    )
    password_file: SecretFile | None = Field(None, description="file that holds it instead")
    oauth: KafkaOauthSettings | None = None
    iam: KafkaIamSettings = KafkaIamSettings()
    worker_env: VariableName = Field(
        "UNERI_WORKER",
        description="environment variable that holds the name of this worker, if it has one; the name must "
        "be unique, and a worker that restarts under it regains its partitions at once",
    )

    @property
    def own_topics(self) -> tuple[str, str, str, str, str, str, str]:
        """The topics that the daemon writes.

        Rollups, findings, notices, dead letters, checkpoints, steps, commands.
        """
        app = self.app
        return (
            f"{app}-rollups",
            f"{app}-findings",
            f"{app}-notices",
            f"{app}-dead-letters",
            f"{app}-checkpoints",
            f"{app}-steps",
            f"{app}-commands",
        )

    @property
    def username(self) -> SecretPlace:
        """Where the SASL user name is."""
        return SecretPlace(self.username_env or "", self.username_file)

    @property
    def password(self) -> SecretPlace:
        """Where the SASL password is."""
        return SecretPlace(self.password_env or "", self.password_file)

    @model_validator(mode="after")
    def _nothing_contradicts(self) -> Self:
        refuse(self, mistakes(self))
        return self


class TlsSettings(Section):
    """Certificate files in PEM format; they are read again when they change."""

    cert: PathName = Field(description="file with the certificate, followed by those it depends on")
    key: PathName = Field(description="file with its private key, without a passphrase")


class HttpSettings(Section):
    """Where a daemon listens, and how that is locked."""

    listen: Address
    tls: TlsSettings | None = Field(None, description="serve HTTPS with these files")
    hosts: list[HostName] = Field(
        default_factory=list,
        description="names that requests may address the daemon by, besides localhost and its own; beyond "
        "loopback, any when empty",
    )
    insecure: bool = Field(
        False, description="true accepts requests from a network without tokens (see the tokens section)"
    )
    tcp: Address | None = Field(
        None,
        description="host:port for connections that send records, one a line; off when absent. With Kafka, "
        "of the role intake",
    )
    tcp_source: str | None = Field(
        None, description="name in sources.inputs of what they send; records of docs/event.md when absent"
    )


class LocalSettings(HttpSettings):
    """The embedded driver, which needs no broker."""

    listen: Address = Field("127.0.0.1:8765", description="host:port of the intake")
    state: PathName = Field(
        "uneri-state",
        description="folder of its own for the SQLite log, checkpoints and outbox; only its user has access",
    )
    backlog: Annotated[int, Field(ge=1000, le=1_000_000_000)] = Field(
        5_000_000,
        description="records that may wait to be judged; beyond this, senders get 503 and files wait",
    )
    backlog_mib: Annotated[int, Field(ge=64, le=16 << 20)] = Field(
        2048, description="size of the log, MiB; beyond this, senders get 503 and files wait"
    )


class WebSettings(HttpSettings):
    """Health, metrics and status of the Kafka daemon, and the intake of the role ``intake``."""

    listen: Address = Field("127.0.0.1:8766", description="host:port")


class TokensSettings(Section):
    """Bearer tokens for the daemon's HTTP: with at least one, every request needs one for its scope.

    A variable holds a token, or several with commas between them, each as it is or as sha256:…; a file may
    have a line for each.
    """

    intake_env: VariableName = Field(
        "UNERI_INTAKE_TOKEN", description="environment variable with tokens that may send events"
    )
    read_env: VariableName = Field(
        "UNERI_READ_TOKEN",
        description="environment variable with tokens that may read status, metrics, labels and silences",
    )
    operate_env: VariableName = Field(
        "UNERI_OPERATE_TOKEN",
        description="environment variable with tokens that may also change silences",
    )
    intake_file: SecretFile | None = Field(None, description="file with the tokens of intake_env instead")
    read_file: SecretFile | None = Field(None, description="file with the tokens of read_env instead")
    operate_file: SecretFile | None = Field(None, description="file with the tokens of operate_env instead")
    file: PathName | None = Field(
        None, description="file with a line per token: scopes (intake, read, operate) and sha256:…"
    )
