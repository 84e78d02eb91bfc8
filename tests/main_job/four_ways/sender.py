"""Posts deliveries to a real daemon, as their senders prove who they are."""

import http.client
import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from tests.main_job.four_ways.way import Delivery

AT_ONCE: Final = 5_000
"""Native lines in one body."""
TOKEN: Final = "uneri_four_ways_0123456789abcdef"  # noqa: S105 - of the tests
AUDIENCE: Final = "https://uneri.example.com/pubsub"
PUSHER: Final = "uneri-push@acme-game.iam.gserviceaccount.com"
_BUSY: Final = (429, 503)


class Google:
    """Serves the keys by which the tokens of pushes are verified, and signs them."""

    def __init__(self) -> None:
        self._key = RSAKey.generate_key(2048, {"kid": "1", "use": "sig", "alg": "RS256"})
        public = RSAKey.import_key(self._key.as_dict(private=False))
        self._keys = json.dumps(KeySet([public]).as_dict(private=False)).encode()

    def section(self, port: int) -> dict[str, Any]:
        """Return the section ``sources.pubsub`` of a daemon that takes these tokens."""
        return {"audience": AUDIENCE, "service_accounts": [PUSHER], "keys": f"http://127.0.0.1:{port}/certs"}

    def token(self) -> str:
        """Return a token as Pub/Sub sends it."""
        now = int(time.time())
        claims = {"aud": AUDIENCE, "email": PUSHER, "email_verified": True, "iss": "https://accounts.google.com",
                  "iat": now, "exp": now + 3600, "sub": "113774264463038321964"}  # fmt: skip
        return jwt.encode({"alg": "RS256", "kid": "1", "typ": "JWT"}, claims, self._key, ["RS256"])

    @contextmanager
    def serving(self) -> Iterator[int]:
        """Serve the keys; yield the port."""
        keys = self._keys

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(keys)))
                self.end_headers()
                self.wfile.write(keys)

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield server.server_port
            finally:
                server.shutdown()
                thread.join()


class Sender:
    """One connection to a daemon.

    Parameters
    ----------
    port
        Of the daemon.
    pushes
        The token of pushes, for who sends them.
    """

    def __init__(self, port: int, pushes: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._authorization = {
            "firehose": {"X-Amz-Firehose-Access-Key": TOKEN, "X-Amz-Firehose-Protocol-Version": "1.0"},
            "pubsub": {"Authorization": f"Bearer {pushes}"},
        }

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def native(self, lines: list[bytes]) -> None:
        """Post native records."""
        for first in range(0, len(lines), AT_ONCE):
            self.post("/events", b"\n".join(lines[first : first + AT_ONCE]), {})

    def send(self, deliveries: Iterable[Delivery]) -> None:
        """Post deliveries, one after the other; each must be taken as a whole."""
        for delivery in deliveries:
            headers = {"Content-Type": delivery.type} | self._authorization.get(delivery.form, {})
            answer = self.post(delivery.path, delivery.body, headers)
            assert b"refused" not in answer, answer

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Return the answer to a body that is taken, at last."""
        known = {"Authorization": f"Bearer {TOKEN}"} if "X-Amz-Firehose-Access-Key" not in headers else {}
        while True:
            self._connection.request("POST", path, body, known | dict(headers))
            answer = self._connection.getresponse()
            said = answer.read()
            if answer.status not in _BUSY:
                assert answer.status in {200, 202}, (path, answer.status, said)
                return said
            time.sleep(float(answer.headers.get("Retry-After", "1")))
