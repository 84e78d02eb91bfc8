"""Names that are formulas, commands of a terminal, markup or mentions, in every output that shows them."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as prometheus

from tests.alerting.slack_standin import SlackStandin
from tests.attacks.attacked import Attacked, HonestSender
from tests.attacks.learnt import pages_of

HOSTILE = (
    "=cmd|'/c calc'!A1",
    "\x1b]0;owned\x07\x1b[2J",
    "\u202elive\u2066\u200b\ufeff",
    "<script>alert(1)</script>",
    "<!channel> <@U012345> *b* `c`",
    '"} 1\nuneri_ready 0',
    "[a](javascript:alert(1)) ![x](http://127.0.0.1/x)",
    "</td>| a | b |\n# Heading\n```",
    "https://evil.example mailto:a@b.c",
)
NAME = " ".join(HOSTILE)
LONGEST = 100  # characters that every output shows
SERIES = "/api/v1/series?match[]=uneri_observed"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ufeff]")
"""Control characters and those that turn or hide text."""


class Hostile(HonestSender):
    """Sends requests in whose every text somebody hides something; ``rate`` times as many as usual."""

    def request(self, at: float) -> dict[str, object]:
        found = super().request(at)
        return {
            **found,
            "service": self.service,
            "route": f"GET {NAME}",
            "function": NAME,
            "client": {"name": NAME, "version": NAME, "tenant": NAME},
            "error": None,
            "tables": [{"name": NAME, "op": NAME, "rcu": 0.5, "ms": 5}],
            "values": {NAME[:100]: 1},
        }


def texts(value: object) -> Iterator[str]:
    """Yield every text of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from (key, *texts(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


@pytest.mark.parametrize("sink", ["slack", "terminal"])
def test_no_output_runs_or_turns_what_a_name_says(slack: SlackStandin, tmp_path: Path, sink: str) -> None:
    daemon = Attacked(
        tmp_path / "daemon",
        slack=slack if sink == "slack" else None,
        scrape={"series": [{"scopes": ["service:*", "function:*"], "measures": ["requests"]}]},
    )
    full = {
        "kind": "sample", "cloud": "aws", "account": "123456789012", "region": "eu-west-1",
        "of": {"kind": "function", "name": NAME}, "name": NAME, "value": 99, "limit": 100, "unit": NAME,
    }  # fmt: skip
    with daemon:
        past = [{**full, "ts": time.time() - 5 * ago} for ago in range(120, 0, -1)]
        daemon.send(*past)  # near its limit for long enough
        with Hostile(daemon, NAME):

            def incidents() -> object:
                daemon.send({**full, "ts": time.time()})
                return json.loads(daemon.get("/incidents").body or b"{}").get("incidents")

            daemon.wait(incidents, "incident")
            if sink == "slack":
                daemon.wait(lambda: pages_of(slack), "page")
            else:
                daemon.wait(lambda: "alert(1)" in daemon.output(), "page")
            change = {"kind": "change", "ts": time.time(), "service": NAME, "what": NAME, "by": NAME}
            daemon.send(change, path="/changes")
            daemon.wait(lambda: daemon.get("/scrape").body.count(b"uneri_observed{"), "scrape")
        shown = {"the log": daemon.output()}
        (incident, *_) = json.loads(daemon.get("/incidents").body)["incidents"]
        said = " ".join(HOSTILE[:4])
        for command in (
            ["silence", "service:*", "--for", "1h", "--why", said],
            ["note", incident["id"], said],
        ):
            assert daemon.uneri(*command).returncode == 0
        for command in (["status"], ["incident", incident["id"]], ["silences"], ["memos"]):
            shown[command[0]] = daemon.uneri(*command).stdout
        payload = tmp_path / "payload.ndjson"
        payload.write_text(json.dumps(Hostile(daemon, NAME).request(time.time())))
        shown["try"] = daemon.uneri("try", payload).stdout
        assert all("alert(1)" in shown[of] for of in ("status", "incident", "silences", "memos", "try")), (
            shown
        )
        assert NAME.encode() not in daemon.get("/").body
        families = prometheus(daemon.get("/scrape").body.decode())
        named = {sample.labels.get("name") for family in families for sample in family.samples}
        assert NAME[:LONGEST] in {(name or "")[:LONGEST] for name in named}
        (ready,) = [
            family
            for family in prometheus(daemon.get("/metrics").body.decode())
            if family.name == "uneri_ready"
        ]
        assert [sample.value for sample in ready.samples] == [1]
        for path in ("/board/wall", "/board/map", "/incidents", "/board/incidents", SERIES):
            answer = daemon.get(path)
            assert answer.headers["Content-Type"].startswith("application/json"), path
            assert any("alert(1)" in text for text in texts(json.loads(answer.body))), path
    shown |= {f"message {n}": "\n".join(texts(message.blocks)) for n, message in enumerate(slack.messages)}
    assert {what: found for what, text in shown.items() if (found := RAW.findall(text))} == {}
    assert not [what for what, text in shown.items() if "<!channel>" in text and what.startswith("message")]
