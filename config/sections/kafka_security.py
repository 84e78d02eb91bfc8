"""How the connections to Kafka are encrypted and who asks for them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from config.secret import SecretPlace
from config.sections.section import Section
from config.sections.validators import extension_name, one_line
from config.sections.value_types import HttpUrl, PathName, SecretFile, VariableName

if TYPE_CHECKING:
    from config.sections.drivers import KafkaSettings

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


Mistake = tuple[tuple[str, ...], object, str]
"""Where a setting is, its value, and what is wrong with it."""


def mistakes(kafka: "KafkaSettings") -> Iterator[Mistake]:
    """Find settings of a connection that contradict each other."""
    mechanism, sasl = kafka.sasl_mechanism, kafka.security.startswith("sasl")
    if mechanism and not sasl:
        better = "sasl_ssl" if kafka.security == "ssl" else "sasl_ssl (sasl_plaintext without TLS)"
        message = f"has no effect with security {kafka.security}; set kafka.security to {better}"
        yield ("sasl_mechanism",), mechanism, message
    if sasl and not mechanism:
        yield ("security",), kafka.security, "needs a mechanism; set kafka.sasl_mechanism"
    if kafka.tls and not kafka.security.endswith("ssl"):
        better = "sasl_ssl" if sasl else "ssl"
        yield ("tls",), {}, f"has no effect with security {kafka.security}; set kafka.security to {better}"
    if kafka.tls and kafka.tls.key and not kafka.tls.cert:
        yield ("tls", "key"), kafka.tls.key, "belongs to no certificate; set kafka.tls.cert"
    if mechanism == "AWS_MSK_IAM" and kafka.security != "sasl_ssl":
        message = "is for encrypted connections only; set kafka.security to sasl_ssl"
        yield ("sasl_mechanism",), mechanism, message
    if mechanism == "OAUTHBEARER" and kafka.oauth is None:
        message = "needs a token; set kafka.oauth.token_url or kafka.oauth.token_file"
        yield ("sasl_mechanism",), mechanism, message
    if kafka.oauth is not None:
        yield from _oauth_mistakes(kafka.oauth)


def _oauth_mistakes(oauth: KafkaOauthSettings) -> Iterator[Mistake]:
    if (oauth.token_url is None) == (oauth.token_file is None):
        named = "no source of tokens" if oauth.token_url is None else "two sources of tokens"
        yield ("oauth",), {}, f"names {named}; set either token_url or token_file"
    elif oauth.token_url and not (oauth.client_id and any(oauth.client_secret)):
        message = "needs the client's credentials; set client_id and client_secret_env or client_secret_file"
        yield ("oauth", "token_url"), oauth.token_url, message
