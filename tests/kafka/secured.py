"""A real broker as companies run it: TLS under its own authority, SCRAM, PLAIN, OAUTHBEARER and ACLs."""

import base64
import json
import threading
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote_plus

import trustme
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from kafka.admin import ACL, ACLOperation, ACLPermissionType, KafkaAdminClient, ResourcePattern, ResourceType
from kafka.admin import ACLResourcePatternType as PatternType

from config.settings import KafkaSettings
from streams.drivers.kafka.connections.client import open_client
from tests.free_port import free_port
from tests.kafka.broker import SHORT_LIVED, Broker, Listener

USERS = {"alice": "pass wörd", "guest": "guest-word", "setter": "setter-word"}
CLIENT_ID, CLIENT_SECRET, AUDIENCE = "uneri-client", "s3cret+/=", "kafka"
SESSION_MS = 4000
"""The life of a session with OAUTHBEARER: then the broker ends its connection."""

PROPERTIES = """
listener.security.protocol.map={protocols}
ssl.keystore.type=PEM
ssl.keystore.location={folder}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
ssl.principal.mapping.rules=RULE:^.*CN=([^,]+).*$/$1/,DEFAULT
listener.name.mutual.ssl.client.auth=required
listener.name.sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl.plain.sasl.jaas.config={java}.plain.PlainLoginModule required {plain};
listener.name.sasl.scram-sha-256.sasl.jaas.config={java}.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config={java}.scram.ScramLoginModule required;
listener.name.clear.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.clear.scram-sha-512.sasl.jaas.config={java}.scram.ScramLoginModule required;
listener.name.oauth.sasl.enabled.mechanisms=OAUTHBEARER
listener.name.oauth.oauthbearer.connections.max.reauth.ms={session}
listener.name.oauth.oauthbearer.sasl.server.callback.handler.class={java}.oauthbearer.OAuthBearerValidatorCallbackHandler
listener.name.oauth.oauthbearer.sasl.jaas.config={java}.oauthbearer.OAuthBearerLoginModule required;
listener.name.oauth.sasl.oauthbearer.jwks.endpoint.url={jwks}
listener.name.oauth.sasl.oauthbearer.expected.audience={audience}
listener.name.oauth.sasl.oauthbearer.expected.issuer=test
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:tls-client
"""


class SecuredBroker:
    """The broker, its authority, its users and their tokens.

    The listener of ``Broker`` takes everybody as a superuser. Everybody else has the rights given with
    ``allow``, the certificate of ``tls-client`` all.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.ca = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(str(self.ca))
        self.certify(folder / "broker.pem", "127.0.0.1", "localhost")
        self.tokens = TokenServer()
        jwks = folder / "jwks.json"
        jwks.write_text(json.dumps(self.tokens.keys()))
        protocols = {
            "TLS": "SSL",
            "MUTUAL": "SSL",
            "SASL": "SASL_SSL",
            "OAUTH": "SASL_SSL",
            "CLEAR": "SASL_PLAINTEXT",
        }
        self.listeners = [Listener(name, protocol, free_port()) for name, protocol in protocols.items()]
        scram = [
            ["--add-scram", f"SCRAM-SHA-{size}=[name={name},password={word}]"]
            for name, word in USERS.items()
            for size in (256, 512)
        ]
        named = {**protocols, "PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"}
        self.broker = Broker(
            options=[*SHORT_LIVED, f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={jwks.as_uri()}"],
            listeners=self.listeners,
            properties=PROPERTIES.format(
                protocols=",".join(f"{name}:{protocol}" for name, protocol in named.items()),
                java="org.apache.kafka.common.security",
                folder=folder,
                plain=" ".join(f'user_{name}="{_escaped(word)}"' for name, word in USERS.items()),
                session=SESSION_MS,
                jwks=jwks.as_uri(),
                audience=AUDIENCE,
            ),
            format_options=[option for pair in scram for option in pair],
        )

    def __enter__(self) -> Self:
        self.tokens.__enter__()
        self.broker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.broker.close()
        self.tokens.__exit__(kind, error, trace)

    def address(self, listener: str) -> str:
        """``host:port`` of a listener."""
        return next(f"127.0.0.1:{known.port}" for known in self.listeners if known.name == listener)

    def certify(self, file: Path, *names: str, by: trustme.CA | None = None) -> Path:
        """Write a certificate for some names with its key, in the form that Java reads too."""
        made = (by or self.authority).issue_cert(*names, common_name=names[0])
        key = serialization.load_pem_private_key(made.private_key_pem.bytes(), None)
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + b"".join(pem.bytes() for pem in made.cert_chain_pems)
        )
        return file

    def settings(self, listener: str, **given: Any) -> KafkaSettings:
        """Return the settings of a client of a listener, by default with what it needs."""
        base: dict[str, Any] = {
            "brokers": [self.address(listener)],
            "security": next(known.protocol for known in self.listeners if known.name == listener).lower(),
        }
        if base["security"].endswith("ssl"):
            base["tls"] = {"ca": str(self.ca)}
        if listener in {"SASL", "CLEAR"}:
            base |= {
                "sasl_mechanism": "SCRAM-SHA-512",
                "username_env": "KAFKA_USERNAME",
                "password_env": "KAFKA_PASSWORD",
            }
        if listener == "OAUTH":
            base |= {
                "sasl_mechanism": "OAUTHBEARER",
                "oauth": {
                    "token_url": self.tokens.url,
                    "client_id": CLIENT_ID,
                    "client_secret_env": "KAFKA_CLIENT_SECRET",
                    "scope": "uneri",
                },
            }
        return KafkaSettings.model_validate(base | given)

    def allow(
        self, user: str, kind: ResourceType, name: str, *operations: ACLOperation, prefix: bool = False
    ) -> None:
        """Give a user rights on one resource, or on all with a prefix."""
        pattern = ResourcePattern(kind, name, PatternType.PREFIXED if prefix else PatternType.LITERAL)
        rights = [
            ACL(f"User:{user}", "*", operation, ACLPermissionType.ALLOW, pattern) for operation in operations
        ]
        with open_client(KafkaAdminClient, bootstrap_servers=self.broker.address) as admin:
            admin.create_acls(rights)

    def allow_daemon(self, user: str, app: str, requests: str) -> None:
        """Give a user what a daemon with all roles needs, as docs/kafka.md lists it."""
        self.allow(user, ResourceType.TOPIC, requests, ACLOperation.READ)
        self.allow(user, ResourceType.TOPIC, f"{app}-", ACLOperation.READ, ACLOperation.WRITE, prefix=True)
        self.allow(user, ResourceType.GROUP, app, ACLOperation.READ)
        self.allow(user, ResourceType.TRANSACTIONAL_ID, f"{app}-", ACLOperation.WRITE, prefix=True)


class TokenServer:
    """A token endpoint that issues signed tokens to one client, as an identity provider does."""

    def __init__(self) -> None:
        self.issued = 0
        self.life = 300
        self._key = rsa.generate_private_key(65537, 2048)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                status, answer = outer._answer(self.headers["Authorization"], asked)
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        """Of the endpoint."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/token"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def keys(self) -> dict[str, object]:
        """Return the public key, as a JSON web key set."""
        numbers = self._key.public_key().public_numbers()
        parts = {
            name: _url64(value.to_bytes((value.bit_length() + 7) // 8))
            for name, value in (("n", numbers.n), ("e", numbers.e))
        }
        return {"keys": [{"kty": "RSA", "kid": "test", "alg": "RS256", "use": "sig", **parts}]}

    def token(self, **claims: object) -> str:
        """Return a signed token; ``claims`` replace those of a good one."""
        now = int(time.time())
        good = {
            "sub": "oauth-client",
            "iss": "test",
            "aud": AUDIENCE,
            "scope": "uneri",
            "iat": now,
            "exp": now + self.life,
        }
        signed = ".".join(
            _url64(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "test"}, good | claims)
        )
        return f"{signed}.{_url64(self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def _answer(self, client: str, asked: Mapping[str, Sequence[str]]) -> tuple[int, dict[str, object]]:
        given = base64.b64decode(client.removeprefix("Basic ")).decode().split(":")
        if [unquote_plus(text) for text in given] != [CLIENT_ID, CLIENT_SECRET]:
            return 401, {"error": "invalid_client", "error_description": "canary"}
        if asked["grant_type"] != ["client_credentials"] or asked.get("scope") != ["uneri"]:
            return 400, {"error": "invalid_scope"}
        self.issued += 1
        return 200, {"access_token": self.token(), "token_type": "Bearer", "expires_in": self.life}


def _escaped(text: str) -> str:
    """Return a text as Java reads it from a file of properties."""
    return "".join(character if character.isascii() else f"\\u{ord(character):04x}" for character in text)


def _url64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
