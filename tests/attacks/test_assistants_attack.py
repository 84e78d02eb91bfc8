"""Requests of assistants that are not quite JSON-RPC, over standard input and HTTP."""

import json
import random
import re
import signal
import subprocess
from pathlib import Path

from tests.attacks.attacked import PATIENCE, UNERI, Attacked

CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "is_all_well", "arguments": {}}}


def garbage() -> list[bytes]:
    """Return requests that are not quite JSON-RPC."""
    chance = random.Random(30)  # noqa: S311 - the same garbage in every run
    good = json.dumps(CALL).encode()
    found = [
        b"", b"\x00", b"{", b"[]", b"[" * 100_000, b"null", b"7", b'"x"', b"[" + b"{}," * 10_000 + b"{}]",
        b'{"jsonrpc":"2.0","id":' + b"9" * 10_000 + b',"method":"tools/list"}',
        b'{"jsonrpc":"2.0","id":{"a":[]},"method":"tools/list"}',
        b'{"jsonrpc":"1.0","id":1,"method":"tools/list"}',
        b'{"jsonrpc":"2.0","id":1,"method":"' + b"x" * 100_000 + b'"}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"../../etc/passwd"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"is_all_well","arguments":[1]}}',
        b'{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///etc/passwd"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"\\ud800"}}',
        good.replace(b"is_all_well", "\u202eis_all_well".encode()), good[:-1], good + good, b"\xff" + good,
    ]  # fmt: skip
    for _ in range(60):
        bad = bytearray(good)
        for _ in range(chance.randint(1, 5)):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        found.append(bytes(bad))
    return found


def test_garbage_for_assistants_ends_nothing(tmp_path: Path) -> None:
    with Attacked(tmp_path) as daemon:
        url = f"http://127.0.0.1:{daemon.port}"
        command = [str(UNERI), "mcp", "--url", url]
        lines = b"\n".join(body.replace(b"\n", b" ") for body in garbage()) + b"\n"
        done = subprocess.run(command, input=lines, capture_output=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        assert b"Traceback" not in done.stderr
        assert all(json.loads(line)["jsonrpc"] == "2.0" for line in done.stdout.splitlines())
        with (tmp_path / "mcp").open("wb") as log:
            served = subprocess.Popen([*command, "--http", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=log)
        assert served.stdout is not None
        try:
            found = re.fullmatch(
                r"answers at http://127.0.0.1:(\d+)/mcp\n", served.stdout.readline().decode()
            )
            assert found is not None
            port = int(found[1])
            for body in garbage():
                heads = f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
                heads += f"Accept: application/json, text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n"
                answer = daemon.exchange(heads.encode() + body, port)
                assert b" 500 " not in answer[:20], (body[:200], answer)
                assert b"root:" not in answer
            for odd in (
                b"GET /mcp HTTP/1.1\r\n\r\n",
                b"\x00" * 5000,
                b"POST /mcp HTTP/1.1\r\nContent-Length: 9" + b"9" * 400,
            ):
                daemon.exchange(odd, port)
            served.send_signal(signal.SIGTERM)
            assert served.wait(60) == 0
        finally:
            served.kill()
            served.stdout.close()
        assert "Traceback" not in (tmp_path / "mcp").read_text(errors="replace")
