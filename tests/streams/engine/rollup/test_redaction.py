"""Redaction of texts: the shipped rules, and the texts of tags."""

import json

import pytest

from config.sections.intake import SHIPPED, checked_pattern
from config.settings import RedactRule, RedactSettings, Settings
from streams.engine.decode.columns import ERROR_TYPE, THROTTLE, Tag
from streams.engine.decode.decoder import Decoder
from streams.engine.rollup.redaction import Redaction
from streams.engine.rollup.rollup import Rollup
from tests.laws.arrivals import prompt
from tests.laws.events import T0

SECRET = "hunter2"  # noqa: S105
TOKEN = f"uneri_{'aB3-_' * 8}xyz"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"access_token={SECRET}", "access_[secret]"),
        (f"refresh_token: {SECRET}", "refresh_[secret]"),
        (f"client_secret={SECRET} x", "client_[secret] x"),
        (f"accessToken={SECRET}&x=1", "access[secret]&x=1"),
        (f"db_password: {SECRET}", "db_[secret]"),
        (f"DB_PASSWORD={SECRET}", "DB_[secret]"),
        (f"aws_secret_access_key={SECRET}", "aws_[secret]"),
        (f"pwd={SECRET};Server=db", "[secret];Server=db"),
        (f"password%3D{SECRET}", "[secret]"),
        (f"password=ab,{SECRET}", "[secret]"),
        (f"password='my {SECRET} pw' x", "[secret]' x"),
        (f'{{"password": "my {SECRET}, pw", "x": 1}}', '{"[secret]", "x": 1}'),
        (json.dumps(f'{{"password":"my {SECRET}","x":1}}'), r'"{\"[secret]",\"x\":1}"'),
        (f"Cookie: session={SECRET}; b={SECRET}", "[cookies]"),
        (f'{{"cookie": "a={SECRET}; b={SECRET}", "x": 1}}', '{"[cookies]", "x": 1}'),
        ("xoxb-1234-abcd-EFGH and", "[token] and"),
        ("ghp_0123456789abcdefABCD", "[token]"),
        ("sk_live_0123456789abcdef", "[token]"),
        (TOKEN, "[token]"),
        ("uneri_rollup_watermark_seconds", "uneri_rollup_watermark_seconds"),
        ("ExpiredTokenException: it has expired", "ExpiredTokenException: it has expired"),
        ("TableWriteKeyRangeThroughputExceeded", "TableWriteKeyRangeThroughputExceeded"),
    ],
)
def test_shipped_rules(text: str, shown: str) -> None:
    assert Redaction().shown(text) == shown


@pytest.mark.parametrize("pattern", [pattern for pattern, _ in SHIPPED])
def test_shipped_rules_are_held_to_what_is_asked_of_others(pattern: str) -> None:
    assert checked_pattern(pattern) == pattern


def test_texts_of_tags_are_redacted_and_counted_together() -> None:
    records = [
        json.dumps(
            {"ts": T0, "service": "s", "error": "fatal", "error_type": f"NoUser {name}@example.com",
             "throttled": f"Rate token={name}{SECRET}",
             "tables": [{"name": "t", "throttled": f"Hot {name}@example.com"}]}
        ).encode()
        for name in ("ann", "bob")
    ]  # fmt: skip
    decoder = Decoder(Settings())
    rollup = Rollup("requests/0", 1, Settings().time, decoder)
    blocks = rollup.feed(decoder.decode(records, prompt(records))[0]) + rollup.finish()
    tags = [(key, text, count) for block in blocks for _, key, text, count in block.tags]
    assert sorted(tags) == [
        (ERROR_TYPE, "NoUser [email]", 2.0),
        (THROTTLE, "Hot [email]", 2.0),
        (THROTTLE, "Rate [secret]", 2.0),
    ]


def test_half_a_secret_at_the_end_of_a_cut_tag_is_left_out() -> None:
    text = f"{'x' * 245} bob.smith@example.com".encode()[:256].decode()
    assert [tag.text for tag in Redaction().tags([Tag(7, THROTTLE, text)])] == ["x" * 245]


def test_a_tag_of_which_nothing_is_left_is_one_still() -> None:
    rules = RedactSettings(rules=[RedactRule(pattern="pin[0-9]{1,9}", replace="")])
    assert Redaction(rules).tags([Tag(0, ERROR_TYPE, "pin12")]) == [Tag(0, ERROR_TYPE, "[redacted]")]
