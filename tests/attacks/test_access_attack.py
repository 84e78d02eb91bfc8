"""Every route with every credential but the right one: wrong, stolen, forged, of another scope or page."""

import http.client
import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from streams.process.web.tokens import new_token
from tests.attacks.attacked import Attacked, HonestSender

OPENAPI = Path(__file__).parents[2] / "docs/openapi.json"
INTAKE = {"/events", "/changes", "/v1/traces", "/v1/logs", "/v1/metrics", "/firehose"}
OPEN = {"/", "/healthz", "/readyz", "/board/session", "/board/assets/{digest}/{name}", "/pubsub"}
DENIED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class Credential(NamedTuple):
    """Headers, and what they must let through: the scopes of a token or session."""

    headers: Mapping[str, str]
    scopes: frozenset[str] = frozenset()
    session: bool = False  # only below /board/, and for changes with a proof only


def routes() -> Iterator[tuple[str, str, str]]:
    """Yield the method, the path and the scope of every route that needs one."""
    for path, operations in json.loads(OPENAPI.read_text())["paths"].items():
        for method in {"get", "post", "put", "delete"} & operations.keys():
            if path in INTAKE:
                yield method, path, "intake"
            elif path not in OPEN:
                reads = method == "get" or path.startswith("/api/v1/")
                named = path.replace("{ask}", "acknowledge").replace("{name}", "measure").replace("{id}", "1")
                yield method, named, "read" if reads else "operate"


def asked(daemon: Attacked, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
    """Send a request; return its status and the beginning of its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=20)
    try:
        connection.putrequest(method.upper(), path, skip_host="Host" in headers)
        body = b"" if method == "get" else b"{}"
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **headers,
        }.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read1(4096).decode(errors="replace")
    finally:
        connection.close()


def test_no_route_opens_to_a_credential_without_its_scope(broker: str | None, tmp_path: Path) -> None:
    tokens = {scope: new_token() for scope in ("intake", "read", "operate")}
    environment = {f"UNERI_{scope.upper()}_TOKEN": token for scope, token in tokens.items()}
    bearer = {scope: {"Authorization": f"Bearer {token}"} for scope, token in tokens.items()}
    with Attacked(tmp_path, broker, environment=environment) as daemon:
        daemon.headers = bearer["read"]
        here = f"http://127.0.0.1:{daemon.port}"
        sign_in = json.dumps({"token": tokens["operate"]}).encode()
        page = {"Content-Type": "application/json", "Origin": here}
        daemon.wait(lambda: daemon.ask("/board/session", sign_in, page).status == 204, "session")
        signed_in = daemon.ask("/board/session", sign_in, page)
        cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
        name, _, value = cookie.partition("=")
        proof = json.loads(daemon.ask("/board/session", headers={"Cookie": cookie}).body)["proof"]
        session = {"Cookie": cookie}
        page = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
        reading = frozenset({"read"})
        credentials = {
            "none": Credential({}),
            "a wrong token": Credential({"Authorization": f"Bearer {new_token()}"}),
            "an empty token": Credential({"Authorization": "Bearer "}),
            "no UTF-8": Credential({"Authorization": "Bearer \xff\xfe"}),
            "a hash": Credential({"Authorization": "Bearer sha256:" + "0" * 64}),
            "as a password": Credential({"Authorization": f"Basic {tokens['operate']}"}),
            "in a cookie": Credential({"Cookie": f"token={tokens['operate']}"}),
            "of intake": Credential(bearer["intake"], frozenset({"intake"})),
            "of reading": Credential(bearer["read"], reading),
            "of acting": Credential(bearer["operate"], frozenset({"read", "operate"})),
            "an access key elsewhere": Credential({"X-Amz-Firehose-Access-Key": tokens["operate"]}),
            "a signature of GitHub": Credential({"X-Hub-Signature-256": "sha256=" + "0" * 64}),
            "a session": Credential(session, reading, session=True),
            "a session from another page": Credential({**session, **page}),
            "a session from another port": Credential({**session, "Origin": "http://127.0.0.1:1"}),
            "a session from nowhere": Credential({**session, "Origin": "null"}),
            "a session of another site": Credential({**session, "Sec-Fetch-Site": "same-site"}),
            "a session with the proof of nobody": Credential(
                {**session, "X-Uneri-Proof": "0" * 64, "Origin": here}, reading, session=True
            ),
            "a proof without its session": Credential({"X-Uneri-Proof": proof, "Origin": here}),
            "a session that ends otherwise": Credential({"Cookie": f"{name}={value[:-1]}_"}),
            "a session of another version": Credential({"Cookie": f"{name}=2{value[1:]}"}),
            "a session without a seal": Credential({"Cookie": f"{name}={value.rpartition('.')[0]}."}),
            "a session of no ASCII": Credential({"Cookie": f"{name}=1.p.\xe9.\xe9"}),
            "a session of points": Credential({"Cookie": f"{name}={'.' * 4000}"}),
            "another name that leads here": Credential({**bearer["operate"], "Host": "evil.example"}),
            "another name, and its page": Credential(
                {**bearer["operate"], "Host": "evil.example", "Origin": "http://evil.example"}
            ),
            "a name like ours": Credential({**bearer["operate"], "Host": "127.0.0.1.evil.example"}),
            "forwarded": Credential({"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1"}),
            "another method": Credential({**bearer["read"], "X-HTTP-Method-Override": "DELETE"}, reading),
        }  # fmt: skip
        wrong = []
        with HonestSender(daemon, headers=bearer["intake"]) as honest:
            for method, path, scope in routes():
                for what, credential in credentials.items():
                    status, said = asked(daemon, method, path, credential.headers)
                    may = scope in credential.scopes and (
                        not credential.session or path.startswith("/board/")
                    )
                    if broker is not None and status == HTTPStatus.NOT_FOUND:
                        continue  # a route of the embedded driver
                    if (status in DENIED) is may or status == HTTPStatus.INTERNAL_SERVER_ERROR:
                        wrong.append((what, method, path, status, said))
                    assert not any(token in said for token in tokens.values())
            honest.fills_a_minute()
        assert wrong == []
        honest.is_counted()
        assert not any(token in daemon.output() for token in tokens.values())
        assert value not in daemon.output()
        daemon.environment["UNERI_OPERATE_TOKEN"] = new_token()
        assert daemon.end() == 0
        daemon.start()
        assert asked(daemon, "get", "/board/wall", session)[0] in DENIED, "its token is gone"
    assert len(daemon.lines()) < 40


CLIMBS = (
    "../" * 9,
    "x/" + "../" * 9,
    "%2e%2e%2f" * 9,
    "x/" + "..%2f" * 9,
    "x/..%5c..%5c",
    "x/%252e%252e%252f",
)
PATHS = (
    "//status", "/status/", "/./status", "/%73tatus", "/board/../status", "/board/%2e%2e/status",
    "/status%00",
    "/status;x", "/STATUS", "/status?x=/healthz", "/healthz/../status", "/healthz%2f..%2fstatus",
    "/healthz/status",
    "/api/v1/../../status", "/board/session/../wall", "/board/assets/x/..%2f..%2fwall", "\\status",
    "/board\\..\\status", "/status%20", "/status%0d%0aX:%20y", "/board/assets/x/.", "/board/assets/x/..",
    "/board/assets/x/%00", "/board/assets/x/" + "a" * 5000,
    *(f"/board/assets/{climb}etc/passwd" for climb in (*CLIMBS, "/", "x//")),
)  # fmt: skip


def test_no_path_leads_around_the_locks(tmp_path: Path) -> None:
    with Attacked(tmp_path, environment={"UNERI_READ_TOKEN": new_token()}) as daemon:
        for path in PATHS:
            answer = daemon.exchange(
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
            )
            assert answer[9:12] in {b"400", b"401", b"403", b"404"}, (path, answer)
            assert b"root:" not in answer
            assert b"\r\nX:" not in answer
    assert len(daemon.lines()) < 20


def test_no_page_of_another_site_makes_a_browser_act_or_read(tmp_path: Path) -> None:
    """Without tokens, on loopback: what a browser sends for an image, a form, a script and a link."""
    kinds = {
        "image": "no-cors",
        "script": "no-cors",
        "iframe": "navigate",
        "empty": "cors",
        "document": "navigate",
        "": "",
    }
    with Attacked(tmp_path) as daemon:
        for method, path, _ in [
            *routes(),
            ("get", "/", ""),
            ("get", "/board/session", ""),
            ("post", "/board/session", ""),
        ]:
            for kind, mode in kinds.items():
                headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": kind}
                form = {**headers, "Content-Type": "text/plain", "Origin": "https://evil.example"}
                for sent in (headers, form) if method == "get" else (form,):
                    link = kind == "document" and method == "get" and "Origin" not in sent
                    status, said = asked(daemon, method, path, sent)
                    assert (status == HTTPStatus.FORBIDDEN) is not link, (method, path, sent, status, said)
            rebound = asked(daemon, method, path, {"Host": f"evil.example:{daemon.port}"})
            assert rebound[0] == HTTPStatus.FORBIDDEN, (method, path, rebound)
    assert len(daemon.lines()) < 20
