"""The health check of the container image: ``python -m streams.process.health_check PORT…``.

The image does not know which driver its command starts, nor whether it has a certificate: it is healthy if
one of the ports answers 200, over HTTP or TLS.
"""

import http.client
import ssl
import sys
from collections.abc import Sequence
from typing import Final

SECONDS: Final = 1.0  # for each of up to four attempts: the image allows five for all


def unhealthy(ports: Sequence[int]) -> str | None:
    """Return the reasons why no daemon on this machine is healthy, None if one is."""
    reasons = []
    for port in ports:
        for connect in (_plain, _encrypted):
            try:
                connection = connect(port)
                connection.request("GET", "/healthz")
                answer = connection.getresponse()
                text = answer.read().decode(errors="replace").strip()
            except (OSError, http.client.HTTPException) as error:
                reasons.append(f"{port}: {error or type(error).__name__}")
                continue
            if answer.status == http.client.OK:
                return None
            reasons.append(f"{port}: {answer.status} {text}")
    return "; ".join(dict.fromkeys(reasons))


def _plain(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)


def _encrypted(port: int) -> http.client.HTTPConnection:
    # the certificate has the name that senders use; the daemon is in the same container
    return http.client.HTTPSConnection(
        "127.0.0.1",
        port,
        timeout=SECONDS,
        context=ssl._create_unverified_context(),  # noqa: S323, SLF001
    )


if __name__ == "__main__":
    if reason := unhealthy([int(port) for port in sys.argv[1:]]):
        sys.exit(reason)
