"""Configurations that grow, run something, read something else, or never end."""

import re
import resource
import subprocess
from pathlib import Path

import pytest

from tests.attacks.attacked import UNERI, Attacked, HonestSender

LAUGHS = ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20))]
MERGED = ["a0: &a0 {k: v}", *(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 20))]
FILES = {
    "aliases": "\n".join(LAUGHS),
    "merges": "\n".join(MERGED),
    "itself": "slack: &a {channel: *a}",
    "a program": "slack: !!python/object/apply:os.system ['touch ran']",
    "a tag": "%TAG ! tag:evil,2000:\n---\n!x {}",
    "two keys": "slack: {channel: '#a', channel: '#b'}",
    "levels": "slack: " + "[" * 100_000,
    "more levels": "- " * 50_000,
    "a long text": "a: " + "x" * (100 << 20),
    "many sections": "sources: {mappings: [" + "{}," * 90_000 + "{}]}",
    "many digits": "time: {step: " + "9" * 100_000 + "}",
    "no number": "time: {lateness: .nan}",
    "hidden text": "\u202eslack: {}",
    "a terminal": "slack: \x1b]0;owned\x07",
    "half a character": 'slack: {channel: "\\ud800"}',
    "itself included": "include: [uneri.yaml]",
    "another file": "include: [/dev/zero, ../../../../../../etc/shadow]",
}


def bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))


@pytest.mark.parametrize("what", FILES)
def test_a_hostile_configuration_is_refused_in_one_line(tmp_path: Path, what: str) -> None:
    (tmp_path / "uneri.yaml").write_text(FILES[what])
    done = subprocess.run(
        [UNERI, "run", "--config", "uneri.yaml"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False, preexec_fn=bounded,
    )  # fmt: skip
    assert done.returncode == 2
    assert re.search(r":\d+:\d+: ", done.stderr), "the place of the mistake"
    assert "Traceback" not in done.stderr
    assert len(done.stderr) < 3000
    assert "\x1b" not in done.stderr
    assert not (tmp_path / "ran").exists()


def test_a_reload_of_hostile_files_changes_nothing(broker: str | None, tmp_path: Path) -> None:
    with Attacked(tmp_path, broker) as daemon:
        good = daemon.config.read_text()
        with HonestSender(daemon) as honest:
            for text in FILES.values():
                daemon.config.write_text(text)
                answer = daemon.ask("/reload", b"{}", {"Content-Type": "application/json"})
                assert answer.status == 422, answer
                assert len(answer.body) < 5000
            daemon.config.write_text(good)
            assert daemon.ask("/reload", b"{}", {"Content-Type": "application/json"}).status == 200
            honest.fills_a_minute()
        honest.is_counted()
        assert daemon.get("/readyz").status == 200
    assert len(daemon.lines()) < 60
