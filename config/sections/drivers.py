"""Where records come from and where a daemon listens."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config.secret import SecretPlace
from config.sections.section import Mistake, Section
from config.sections.values import (
    Address,
    HostName,
    HttpUrl,
    PathName,
    SecretFile,
    VariableName,
    extension_name,
    one_line,
)

Security = Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"]
ExtensionName = Annotated[str, AfterValidator(extension_name)]
Line = Annotated[str, AfterValidator(one_line)]


class KafkaTlsSettings(Section):
    """Certificates in PEM format, for ssl and sasl_ssl; new connections use renewed files."""

    ca: PathName | None = Field(
        None,
        description="file with the authorities that may sign a broker's certificate, by default those of the "
        "system",
    )
    cert: PathName | None = Field(
        None, description="file with the client certificate, followed by those it depends on (mutual TLS)"
    )
    key: PathName | None = Field(
        None, description="file with the private key of `cert`, if it is not in the same file"
    )
    key_password_env: VariableName | None = Field(
        None, description="environment variable that holds the passphrase of the key"
    )
    key_password_file: SecretFile | None = Field(None, description="file that holds it instead")
    verify_name: bool = Field(
        True, description="false accepts a broker whose certificate is for another host name"
    )

    @property
    def key_password(self) -> SecretPlace:
        """Where the passphrase of the key is."""
        return SecretPlace(self.key_password_env or "", self.key_password_file)


class KafkaOauthSettings(Section):
    """Where the tokens for OAUTHBEARER come from: a token endpoint or a file."""

    token_url: HttpUrl | None = Field(
        None, description="token endpoint, asked with the client's credentials (grant client_credentials)"
    )
    client_id: Line | None = Field(None, description="client id for the token endpoint")
    client_secret_env: VariableName | None = Field(
        None, description="environment variable that holds the client secret"
    )
    client_secret_file: SecretFile | None = Field(None, description="file that holds it instead")
    scope: Line | None = Field(None, description="scope to ask for, if the endpoint wants one")
    audience: Line | None = Field(None, description="audience to ask for, if the endpoint wants one")
    token_file: PathName | None = Field(
        None, description="file with a token, read for each connection, instead of the endpoint"
    )
    extensions: dict[ExtensionName, Line] = Field(
        default_factory=dict,
        description="SASL extensions, such as logicalCluster and identityPoolId of Confluent Cloud",
    )

    @property
    def client_secret(self) -> SecretPlace:
        """Where the client secret is."""
        return SecretPlace(self.client_secret_env or "", self.client_secret_file)


class KafkaIamSettings(Section):
    """Where AWS_MSK_IAM signs; the identity is that of the process, as the AWS command line finds it."""

    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")] | None = Field(
        None, description="region of the cluster; by default read from the names of the brokers"
    )
    role: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$")] | None = Field(
        None, description="ARN of a role to assume first"
    )


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
    keep: Annotated[int, Field(ge=1, le=3650)] | None = Field(
        35,
        description="days that the requests topic keeps records, when `uneri setup` creates it; null keeps "
        "them forever",
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
        """The topics that the daemon writes."""
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

    def mistakes(self) -> Iterator[Mistake]:
        """Yield the settings of a connection that contradict each other."""
        mechanism, sasl = self.sasl_mechanism, self.security.startswith("sasl")
        if mechanism and not sasl:
            better = "sasl_ssl" if self.security == "ssl" else "sasl_ssl (sasl_plaintext without TLS)"
            message = f"has no effect with security {self.security}; set kafka.security to {better}"
            yield ("sasl_mechanism",), mechanism, message
        if sasl and not mechanism:
            yield ("security",), self.security, "needs a mechanism; set kafka.sasl_mechanism"
        if self.tls and not self.security.endswith("ssl"):
            better = "sasl_ssl" if sasl else "ssl"
            yield ("tls",), {}, f"has no effect with security {self.security}; set kafka.security to {better}"
        if self.tls and self.tls.key and not self.tls.cert:
            yield ("tls", "key"), self.tls.key, "belongs to no certificate; set kafka.tls.cert"
        if mechanism == "AWS_MSK_IAM" and self.security != "sasl_ssl":
            message = "is for encrypted connections only; set kafka.security to sasl_ssl"
            yield ("sasl_mechanism",), mechanism, message
        if mechanism == "OAUTHBEARER" and self.oauth is None:
            message = "needs a token; set kafka.oauth.token_url or kafka.oauth.token_file"
            yield ("sasl_mechanism",), mechanism, message
        if self.oauth is not None:
            yield from _oauth_mistakes(self.oauth)


def _oauth_mistakes(oauth: KafkaOauthSettings) -> Iterator[Mistake]:
    if (oauth.token_url is None) == (oauth.token_file is None):
        named = "no source of tokens" if oauth.token_url is None else "two sources of tokens"
        yield ("oauth",), {}, f"names {named}; set either token_url or token_file"
    elif oauth.token_url and not (oauth.client_id and any(oauth.client_secret)):
        message = "needs the client's credentials; set client_id and client_secret_env or client_secret_file"
        yield ("oauth", "token_url"), oauth.token_url, message


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
        description="records that may wait to be judged; beyond this, senders get 503 and files wait. Who "
        "fills it waits first: a tenth is left to others",
    )
    backlog_mib: Annotated[int, Field(ge=64, le=16 << 20)] = Field(
        2048, description="size of the log, MiB; beyond this, as for backlog"
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
