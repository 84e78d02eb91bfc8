"""Names that look alike, that separate what is stored, or that are one after folding are counted apart."""

import json
import time
from pathlib import Path

from tests.attacks.attacked import Attacked, HonestSender

LONG = "n" * 10_000
ALIKE = [
    "caf\u00e9", "cafe\u0301", "CAF\u00c9", "cafe", "Cafe",  # composed, decomposed, cases
    "\ufb01le", "file", "f\u0131le", "fi\u200ble", "\u202eelif", "\u0444ile",
    "\u2460", "1", "\uff11", "\u00b9", "01", "1.0", "true", "null", "None", "NaN",
    "a b", "a  b", "a\u00a0b", " a b", "a b ", "a\tb", "a\nb", "a\r\nb",
    "a/b", "a|b", "a,b", "a:b", "a=b", "a;b", "a\\b", "a%2Fb", "a%b", "a+b", "a#b", "a?b",
    "a..b", "../a/b", "{a}b",
    "a\x00b", "a\x00", "a\x1fb", "a\x1eb", "a\x7fb", "a\u0085b", "a\u2028b", "\ufeffab", "ab", "a\ud7ffb",
    "shard 0", "Other", "OTHER", "other ", "other\x00", "'; DROP TABLE records; --",
    "<b>x</b>", "{{7*7}}", "$HOME",
    "\U0001f469\u200d\U0001f469", "\U0001f469", "\U0001f469\U0001f469",
    "__proto__", "constructor", "__class__",
]  # fmt: skip
PARTED = [
    ("a\x1fb", "c"),
    ("a", "b\x1fc"),
    ("a/b", "c"),
    ("a", "b/c"),
    ("a", "b c"),
    ("a b", "c"),
    ("a", "b|c"),
    ("a|b", "c"),
]


def test_no_two_names_are_counted_as_one(broker: str | None, tmp_path: Path) -> None:
    with Attacked(tmp_path, broker) as daemon:
        with HonestSender(daemon) as honest:
            time.sleep(61 - time.time() % 60)
            sent = {name: 3 + n for n, name in enumerate(ALIKE)}
            now = time.time()
            assert (
                daemon.send(
                    *({"ts": now, "service": name} for name, count in sent.items() for _ in range(count)),
                    *(
                        {"ts": now, "account": account, "service": f"of {service}", "function": service}
                        for number, (account, service) in enumerate(PARTED)
                        for _ in range(3 + number)
                    ),
                    *({"ts": now, "service": LONG + end} for end in "xy"),
                    *({"ts": now, "service": "tenants", "client": {"name": "c", "tenant": n}} for n in ALIKE),
                ).status
                == 202
            )
            honest.fills_a_minute()
        honest.is_counted()
        begun = int(now) // 60 * 60
        daemon.wait_for_judgement(begun + 60)
        found = counts(daemon, begun, 'kind="service"')
        assert {name: found.get(name) for name in sent} == sent
        assert found["n" * 256] == 2, "longer names are cut, as docs/event.md says"
        parted = counts(daemon, begun, 'kind="function"', "account")
        for number, (account, function) in enumerate(PARTED):
            assert parted[account, function] == 3 + number, (account, function)
        assert daemon.get("/board/map").status == 200


def counts(daemon: Attacked, at: int, about: str, *labels: str) -> dict[object, int]:
    """Return the requests of the minute at a time by name, or by labels and name."""
    query = f'uneri_observed{{{about},measure="requests",source_kind=""}}'
    answer = daemon.get("/api/v1/query_range", query=query, start=at, end=at, step=60)
    assert answer.status == 200, answer.body
    return {
        (*(found["metric"].get(label, "") for label in labels), found["metric"]["name"])
        if labels
        else found["metric"]["name"]: round(float(found["values"][0][1]) * 60)
        for found in json.loads(answer.body)["data"]["result"]
    }
