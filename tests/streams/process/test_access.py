"""Access to the web server: tokens by scope, Host, Origin, TLS."""

import asyncio
import os
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter
from ruamel.yaml import YAML

from config.load import load_settings
from config.settings import Settings, TlsSettings, TokensSettings
from streams.cli.daemon_call import STATUS
from streams.offline.simulate.event_writer import WriteError, open_writer
from streams.process.command_error import CommandError
from streams.process.web.access import Access
from streams.process.web.certificates import CertificateError, Certificates
from streams.process.web.http_server import HttpServer
from streams.process.web.listen_address import AddressError, ListenAddress, listen_address_of
from streams.process.web.tokens import AccessTokenError, hash_of, load_tokens, new_token

ROOT = Path(__file__).parents[3]
INTAKE, READ, OPERATE = (new_token() for _ in range(3))
TOKENS = {"UNERI_INTAKE_TOKEN": INTAKE, "UNERI_READ_TOKEN": READ, "UNERI_OPERATE_TOKEN": OPERATE}


async def ok(_: web.Request) -> web.Response:
    return web.json_response({})


@asynccontextmanager
async def serving(access: Access | None, certificates: Certificates | None = None) -> AsyncIterator[int]:
    routes = [
        web.post("/events", ok),
        web.post("/firehose", ok),
        web.get("/silences", ok),
        web.get("/incidents/{id}", ok),
        web.get("/memos", ok),
        web.post("/memos", ok),
        web.delete("/memos/{id}", ok),
        web.post("/silences", ok),
        web.post("/on-call", ok),
        web.delete("/silences/{id}", ok),
        web.post("/slack/actions", ok),
    ]
    server = HttpServer(
        "127.0.0.1:0",
        routes,
        access=access,
        certificates=certificates,
    )
    try:
        yield await server.start()
    finally:
        await server.stop()


async def ask(port: int, method: str, path: str, **headers: str) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"http://127.0.0.1:{port}{path}", headers=headers) as answer,
    ):
        return answer.status


def bearer(token: str) -> str:
    return f"Bearer {token}"


def locked(refused: Counter | None = None) -> Access:
    return Access("127.0.0.1:0", tokens=load_tokens(TokensSettings(), TOKENS), refused=refused)


ROUTES = [
    ("POST", "/events", {INTAKE}),
    ("GET", "/status", {READ, OPERATE}),
    ("GET", "/metrics", {READ, OPERATE}),
    ("GET", "/silences", {READ, OPERATE}),
    ("GET", "/incidents/3f9a", {READ, OPERATE}),
    ("GET", "/memos", {READ, OPERATE}),
    ("POST", "/memos", {OPERATE}),
    ("DELETE", "/memos/1", {OPERATE}),
    ("POST", "/silences", {OPERATE}),
    ("POST", "/on-call", {OPERATE}),
    ("DELETE", "/silences/1", {OPERATE}),
]


async def test_a_token_opens_what_its_scope_allows_and_nothing_else() -> None:
    async with serving(locked()) as port:
        for method, path, allowed in ROUTES:
            assert await ask(port, method, path) == 401
            assert await ask(port, method, path, Authorization=bearer(new_token())) == 401
            assert await ask(port, method, path, Authorization=f"Basic {READ}") == 401
            for token in (INTAKE, READ, OPERATE):
                expected = 200 if token in allowed else 403
                assert await ask(port, method, path, Authorization=bearer(token)) == expected, (method, path)


@pytest.mark.parametrize("token", [INTAKE, READ, OPERATE, ""], ids=["intake", "read", "operate", "none"])
@pytest.mark.parametrize(
    ("method", "path", "status", "said", "allow"),
    [
        ("POST", "/event", 404, "there is no such path; did you mean '/events'?", None),
        ("POST", "/events/", 404, "there is no such path; did you mean '/events'?", None),
        ("GET", "/" + "x" * 5000, 404, "docs/sources.md", None),
        ("GET", "/events", 405, "use POST", "POST"),
        ("OPTIONS", "/events", 405, "use POST", "POST"),
        ("PUT", "/silences", 405, "use GET, HEAD, POST", "GET, HEAD, POST"),
        ("POST", "/healthz", 405, "use GET, HEAD", "GET, HEAD"),
        ("GET", "/firehose", 405, "use POST", "POST"),
    ],
)
async def test_a_wrong_path_or_method_is_not_blamed_on_the_token(
    *, token: str, method: str, path: str, status: int, said: str, allow: str | None
) -> None:
    headers = {"Authorization": bearer(token)} if token else {}
    async with serving(locked() if token else None) as port, aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{port}{path}"
        async with session.request(method, url, headers=headers) as answer:
            assert (answer.status, answer.headers.get("Allow")) == (status, allow)
            (message,) = [text for text in (await answer.json()).values() if said in str(text)]
            assert "\n" not in message


async def test_without_a_token_nothing_is_shown_of_paths_and_methods() -> None:
    async with serving(locked()) as port:
        for method, path in (
            ("POST", "/event"),
            ("GET", "/events"),
            ("PUT", "/silences"),
            ("POST", "/healthz"),
        ):
            for token in ("", bearer(new_token()), f"Basic {READ}"):
                headers = {"Authorization": token} if token else {}
                assert await ask(port, method, path, **headers) == 401


@pytest.mark.parametrize(
    "sent",
    [
        b"garbage\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer secret\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer secret%s\r\n\r\n" % (b"x" * 20_000),
        b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization : Bearer secret\r\n\r\n",
    ],
    ids=["no HTTP", "too long", "no chunk", "a control character", "a long header", "a space in a name"],
)
async def test_what_is_no_http_is_refused_and_neither_repeated_nor_logged(
    sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(locked()) as port, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        answer = await reader.read()
        assert b" 400 " in answer.partition(b"\n")[0]
        assert b'{"error": "this is not HTTP/1.1' in answer
        assert b"secret" not in answer
        writer.close()
    assert caplog.records == []


async def test_health_and_what_slack_signs_need_no_token() -> None:
    async with serving(locked()) as port:
        assert await ask(port, "GET", "/healthz") == 200
        assert await ask(port, "GET", "/readyz") == 200
        assert await ask(port, "POST", "/slack/actions", Host="hooks.example.com") == 200
        assert await ask(port, "GET", "/slack/%2e%2e/status") == 401
        assert await ask(port, "GET", "/nowhere") == 401


async def test_a_refusal_says_what_to_send_and_is_counted() -> None:
    refused = Counter("refused", "refused", ["reason"], registry=CollectorRegistry())
    async with serving(locked(refused)) as port, aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/status") as answer:
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert "UNERI_TOKEN" in (await answer.json())["error"]
        assert await ask(port, "POST", "/events", Authorization=bearer(READ)) == 403
        assert await ask(port, "POST", "/events", Host="rebound.example") == 403
        assert await ask(port, "POST", "/events", Origin="http://evil.example") == 403
    counts = {
        sample.labels["reason"]: sample.value
        for metric in refused.collect()
        for sample in metric.samples
        if sample.name == "refused_total"
    }
    assert counts == {"token": 1, "scope": 1, "host": 1, "origin": 1}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "[::1]"}, 200),
        ({"Host": "127.8.9.1:80"}, 200),
        ({"Host": "LOCALHOST."}, 200),
        ({"Host": "rebound.example:8765"}, 403),
        ({"Host": "localhost.rebound.example"}, 403),
        ({"Host": "192.0.2.1"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "localhost", "Origin": "http://localhost"}, 200),
        ({"Host": "localhost", "Origin": "http://localhost:3000"}, 403),
        ({"Host": "rebound.example", "Origin": "http://rebound.example"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Host": "["}, 403),
        ({"Host": ":"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 200),
    ],
)
async def test_no_web_page_of_another_origin_can_post_to_a_local_daemon(
    headers: dict[str, str], status: int
) -> None:
    async with serving(None) as port:
        for kind in ("text/plain", "application/json"):
            assert await ask(port, "POST", "/events", **headers, **{"Content-Type": kind}) == status


@pytest.mark.parametrize(
    ("site", "mode", "dest", "status"),
    [
        ("cross-site", "no-cors", "image", 403),
        ("cross-site", "no-cors", "script", 403),
        ("same-site", "cors", "empty", 403),
        ("cross-site", "navigate", "iframe", 403),
        ("cross-site", "navigate", "document", 200),
        ("same-origin", "cors", "empty", 200),
        ("none", "navigate", "document", 200),
    ],
)
async def test_a_page_of_another_site_reads_nothing_though_a_link_there_leads_here(
    site: str, mode: str, dest: str, status: int
) -> None:
    fetched = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
    async with serving(None) as port:
        for path in ("/status", "/metrics", "/incidents/3f9a"):
            assert await ask(port, "GET", path, **fetched) == status
        assert await ask(port, "GET", "/healthz", **fetched) == 200
        assert (await ask(port, "POST", "/memos", **fetched) == 200) == (
            site != "cross-site" and status == 200
        )


@pytest.mark.parametrize(
    ("listen", "hosts", "host", "status"),
    [
        ("127.0.0.1:0", ["uneri.internal"], "uneri.internal:443", 200),
        ("127.0.0.1:0", ["uneri.internal"], "other.internal", 403),
        ("0.0.0.0:0", [], "anything", 200),
        ("0.0.0.0:0", ["uneri"], "uneri:8766", 200),
        ("0.0.0.0:0", ["uneri"], "10.0.0.7:8766", 200),
        ("0.0.0.0:0", ["uneri"], "rebound.example:8766", 403),
        ("uneri.internal:0", ["other"], "uneri.internal:8766", 200),
    ],
)
async def test_configured_names_are_the_daemons_own(
    listen: str, hosts: list[str], host: str, status: int
) -> None:
    async with serving(Access(listen, hosts)) as port:
        assert await ask(port, "GET", "/status", Host=host) == status


def test_a_token_is_kept_as_its_hash() -> None:
    tokens = load_tokens(TokensSettings(), TOKENS)
    shown = repr(tokens) + repr(vars(tokens))
    assert not any(token in shown for token in TOKENS.values())
    assert tokens.count == 3


def test_several_tokens_of_a_scope_are_accepted_so_that_one_can_be_replaced(tmp_path: Path) -> None:
    new, filed, both = new_token(), new_token(), new_token()
    file = tmp_path / "tokens"
    file.write_text(f"# shippers\nintake {hash_of(filed)}  # eu\n\nread,intake {hash_of(both)}\n")
    tokens = load_tokens(TokensSettings(file=str(file)), {"UNERI_INTAKE_TOKEN": f"{INTAKE}, {hash_of(new)}"})
    assert [tokens.allowed(text) for text in (INTAKE, new, filed)] == [{"intake"}] * 3
    assert tokens.allowed(both) == {"intake", "read"}
    assert tokens.allowed("") == tokens.allowed(hash_of(new)) == frozenset()


def test_a_file_without_any_token_is_refused_and_opens_nothing(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("# intake sha256:…\n")
    with pytest.raises(AccessTokenError, match="holds no token; make one with `uneri token`, or remove"):
        load_tokens(TokensSettings(file=str(file)), {})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("intake secret-secret-secret-secret", "line 1: write scopes and sha256:"),
        ("intake", "line 1: write scopes"),
        ("admin sha256:" + "0" * 64, "line 1: the first word must be intake, read, operate"),
    ],
)
def test_a_file_that_is_no_file_of_tokens_is_refused_without_its_content(
    tmp_path: Path, line: str, said: str
) -> None:
    file = tmp_path / "tokens"
    file.write_text(line)
    with pytest.raises(AccessTokenError, match=said) as refused:
        load_tokens(TokensSettings(file=str(file)), {})
    assert "secret-secret" not in str(refused.value)


@pytest.mark.parametrize("token", ["short", "with a space in the middle of it", "ünerisünerisünerisüneris"])
def test_a_token_that_could_be_guessed_or_sent_wrongly_is_refused(token: str) -> None:
    with pytest.raises(AccessTokenError, match="UNERI_READ_TOKEN: a token needs at least 20") as refused:
        load_tokens(TokensSettings(), {"UNERI_READ_TOKEN": token})
    assert token not in str(refused.value)


def address_of(environment: dict[str, str], **local: Any) -> ListenAddress:
    return listen_address_of(Settings.model_validate({"local": local}), environment)


def test_an_address_in_a_network_without_a_token_is_refused_unless_the_configuration_insists() -> None:
    for listen in ("0.0.0.0:8765", "[::]:8765", "10.1.2.3:8765", "uneri.internal:8765"):
        with pytest.raises(AddressError, match="open to the network without a lock; set tokens") as refused:
            address_of({}, listen=listen)
        assert "local.insecure: true" in str(refused.value)
        assert "without a token" in str(address_of({}, listen=listen, insecure=True).warning())
        assert "unencrypted" in str(address_of(TOKENS, listen=listen).warning())
    for listen in ("127.0.0.1:8765", "localhost:8765", "[::1]:8765", "::1:8765", "127.0.0.2:1"):
        assert address_of({}, listen=listen).warning() is None


def test_with_kafka_the_address_is_that_of_the_status_page() -> None:
    settings = Settings.model_validate({"kafka": {}, "web": {"listen": "0.0.0.0:8766"}})
    with pytest.raises(AddressError, match=r"web\.listen 0\.0\.0\.0:8766.*\(UNERI_READ_TOKEN, UNERI_OPERATE"):
        listen_address_of(settings, {})
    assert listen_address_of(settings, {"UNERI_READ_TOKEN": READ}).unused() == ["operate"]


def test_with_kafka_only_a_process_that_accepts_records_needs_tokens_for_that() -> None:
    web = {"listen": "127.0.0.1:8766", "tcp": "0.0.0.0:8767"}
    settings = Settings.model_validate({"kafka": {}, "web": web})
    assert listen_address_of(settings, {}).warning() is None, "nothing listens there"
    with pytest.raises(AddressError, match=r"web\.tcp 0\.0\.0\.0:8767.*\(UNERI_INTAKE_TOKEN, UNERI_READ"):
        listen_address_of(settings, {}, intake=True)
    assert listen_address_of(settings, {"UNERI_READ_TOKEN": READ}, intake=True).unused() == [
        "intake",
        "operate",
    ]


async def test_the_compose_file_starts_without_tokens_and_is_reached_from_this_machine_only() -> None:
    settings = load_settings(ROOT / "examples" / "compose.yaml")
    services = YAML(typ="safe").load(ROOT / "docker-compose.yml")["services"]
    assert services["alerts"]["ports"] == ["127.0.0.1:8766:8766"]
    assert all(
        port.startswith("127.0.0.1:") for service in services.values() for port in service.get("ports", ())
    )
    async with serving(listen_address_of(settings, {}).access()) as port:
        for host, status in (("localhost:8766", 200), ("alerts:8766", 200), ("rebound.example:8766", 403)):
            assert await ask(port, "GET", "/status", Host=host) == status


# -- TLS --------------------------------------------------------------------------------------------


OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="makes certificates with openssl")


def certificate(folder: Path, name: str) -> TlsSettings:
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [str(OPENSSL), *made.split(), *names, "-keyout", key, "-out", cert], check=True, capture_output=True
    )
    return TlsSettings(cert=str(cert), key=str(key))


@needs_openssl
async def test_https_is_served_with_the_certificate_and_a_renewed_one_is_used(tmp_path: Path) -> None:
    first, second = certificate(tmp_path, "first"), certificate(tmp_path, "second")
    certificates = Certificates(first)
    first_as_it_was = first.model_copy(update={"cert": str(tmp_path / "old.crt")})
    shutil.copy(first.cert, first_as_it_was.cert)

    async def status(trusted: TlsSettings) -> int:
        context = ssl.create_default_context(cafile=trusted.cert)
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"https://127.0.0.1:{port}/status", ssl=context) as answer,
        ):
            return answer.status

    async with serving(None, certificates) as port:
        assert await status(first) == 200
        following = asyncio.create_task(certificates.follow(every=0.01))
        shutil.move(second.cert, first.cert)
        for _ in range(5):
            assert await status(first_as_it_was) == 200, "while its key is not there yet"
        shutil.move(second.key, first.key)
        async with asyncio.timeout(20):
            while True:
                try:
                    assert await status(first) == 200
                    break
                except aiohttp.ClientConnectorCertificateError:
                    await asyncio.sleep(0.02)
        following.cancel()


def send(url: str) -> None:
    with open_writer(url) as writer:
        writer.write([b"{}"], [0])


@needs_openssl
async def test_the_commands_reach_a_daemon_behind_tls_with_their_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = certificate(tmp_path, "uneri")
    async with serving(locked(), Certificates(tls)) as port:
        url = f"https://127.0.0.1:{port}"
        with pytest.raises(CommandError, match="certificate verify failed"):
            await asyncio.to_thread(STATUS.run, url)
        monkeypatch.setenv("SSL_CERT_FILE", tls.cert)
        with pytest.raises(CommandError, match="a token that allows read is needed"):
            await asyncio.to_thread(STATUS.run, url)
        monkeypatch.setenv("UNERI_TOKEN", INTAKE)
        with pytest.raises(CommandError, match="this token does not allow read"):
            await asyncio.to_thread(STATUS.run, url)
        await asyncio.to_thread(send, f"{url}/events")
        with pytest.raises(WriteError, match="403 this token does not allow operate"):
            await asyncio.to_thread(send, f"{url}/silences")
        monkeypatch.setenv("UNERI_TOKEN", READ)
        assert await asyncio.to_thread(STATUS.run, url) == {}


@needs_openssl
def test_a_certificate_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path) -> None:
    first, second = certificate(tmp_path, "first"), certificate(tmp_path, "second")
    os.mkfifo(pipe := tmp_path / "pipe")
    for tls in (
        TlsSettings(cert=str(pipe), key=first.key),
        TlsSettings(cert=first.cert, key=second.key),
        TlsSettings(cert=first.cert, key=str(tmp_path / "none")),
        TlsSettings(cert=first.key, key=first.key),
    ):
        with pytest.raises(CertificateError, match=r"^tls: .* cannot be (used|read)") as refused:
            Certificates(tls)
        assert "\n" not in str(refused.value)
        with pytest.raises(AddressError, match=r"^local\.tls: "):
            address_of({}, listen="127.0.0.1:0", tls=tls.model_dump())


def test_the_comment_beside_a_hash_names_the_token_and_nothing_else_does(tmp_path: Path) -> None:
    named, bare = new_token(), new_token()
    file = tmp_path / "tokens"
    file.write_text(f"operate  {hash_of(named)}   #  on-call   desk\noperate {hash_of(bare)}\n")
    tokens = load_tokens(TokensSettings(file=str(file)), TOKENS)
    assert [tokens.name(text) for text in (named, bare, OPERATE, "unknown")] == ["on-call desk", "", "", ""]
