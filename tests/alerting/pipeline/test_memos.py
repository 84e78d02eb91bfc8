"""Memos: kept with what an incident is about, bounded, and the same after a restart."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from alerting.commands.command import CommandKind
from alerting.commands.dispatch import CommandResult, Form
from alerting.commands.memo import Memo, memo_text
from alerting.pipeline.memos import EACH, MOST, TIMELINE, Memos
from alerting.pipeline.pipeline import Pipeline
from tests.alerting.given import T0, scope
from tests.alerting.notices import incident, later, opened, pipeline, press, resolved

DAY = 86400
KIND: dict[str, Any] = {"fingerprint": "items rise"}


def note(name: str | None = "a", text: str = "ios retried", at: int = T0 + 60, **more: Any) -> Any:
    return press(CommandKind.NOTE, name, at, **({"id": f"{name}-{text}-{at}", "why": text} | more))


def restarted(of: Pipeline) -> Pipeline:
    again = pipeline()
    again.restore(of.snapshot())
    return again


def texts(of: Pipeline, name: str) -> list[str]:
    tracked = of.find(name)
    assert tracked is not None
    return [memo.text for memo in of.memos_of(tracked.incident)]


def test_a_memo_says_who_noted_what_when_and_on_which_incident() -> None:
    one = pipeline()
    one.feed([opened(**KIND)], T0)
    answer = one.command(note(by="U0ANA"))
    assert (answer.result, answer.memo) == (CommandResult.DONE, one.memos[0])
    assert one.memos == [
        Memo(
            id="a-ios retried-1760000460",
            number=1,
            at=T0 + 60,
            written=T0 + 60,
            by="U0ANA",
            text="ios retried",
            incident="a",
            fingerprint="items rise",
        )
    ]
    assert [(sent.form, [memo.text for memo in sent.memos]) for sent in answer.dispatches] == [
        (Form.PARENT, ["ios retried"]),
        (Form.LINE, ["ios retried"]),
    ]
    assert [answer.dispatches[0].commands, answer.dispatches[1].line.by] == [[], "U0ANA"]  # type: ignore[union-attr]


def test_the_next_of_its_kind_shows_it_long_after_its_incident_is_forgotten_and_others_do_not() -> None:
    one = pipeline()
    first = opened(**KIND)
    one.feed([first, resolved(first, T0 + 900)], T0 + 900)
    one.command(note())
    late = T0 + 400 * DAY
    one.feed([], late)
    assert one.find("a") is None
    shown = one.feed(
        [opened("b", at=late + 60, **KIND), opened("c", scope("table", "users"), late + 60)], late + 60
    )
    assert {sent.subject: [memo.text for memo in sent.memos] for sent in shown} == {
        "b": ["ios retried"],
        "c": [],
    }


def test_an_open_incident_of_the_same_kind_shows_at_once_what_is_noted_on_an_earlier_one() -> None:
    one = pipeline()
    first = opened(**KIND)
    one.feed([first, resolved(first, T0 + 900), opened("b", at=T0 + 960, **KIND)], T0 + 960)
    sent = one.command(note("a", at=T0 + 1000)).dispatches
    assert [(dispatch.form, dispatch.subject) for dispatch in sent] == [
        (Form.PARENT, "a"),
        (Form.PARENT, "b"),
        (Form.LINE, "a"),
    ]


def test_memos_move_along_when_an_incident_turns_out_to_be_about_something_else() -> None:
    one = pipeline()
    first = opened(fingerprint="function slow")
    one.feed([first], T0)
    one.command(note())
    one.feed([later(first, T0 + 120, fingerprint="items rise")], T0 + 120)
    assert texts(one, "a") == ["ios retried"]
    one.feed([opened("b", at=T0 + 180, fingerprint="function slow")], T0 + 180)
    one.feed([opened("c", at=T0 + 180, fingerprint="items rise")], T0 + 180)
    for item in (one, restarted(one)):
        assert (texts(item, "b"), texts(item, "c")) == ([], ["ios retried"])


def test_an_incident_without_a_fingerprint_keeps_its_memos_to_itself() -> None:
    one = pipeline()
    one.feed([opened(), opened("b")], T0)
    one.command(note())
    assert (texts(one, "a"), texts(one, "b")) == (["ios retried"], [])


def test_a_memo_on_the_timeline_is_about_a_moment_and_sends_nothing() -> None:
    one = pipeline()
    answer = one.command(note(None, "a game day", moment=T0 + DAY, scope="table:items"))
    assert (answer.result, answer.dispatches, answer.incident) == (CommandResult.DONE, [], None)
    (memo,) = one.memos
    assert (memo.at, memo.written, memo.scope, memo.incident) == (T0 + DAY, T0 + 60, "table:items", "")


@pytest.mark.parametrize("name", ["unknown", "feed"])
def test_a_memo_on_an_unknown_incident_is_not_kept(name: str) -> None:
    one = pipeline()
    one.feed([opened("feed-1"), opened("feed-2")], T0)  # both begin so
    assert one.command(note(name)).result is CommandResult.UNKNOWN
    assert one.memos == []


def test_the_first_characters_name_an_incident_if_no_other_begins_so() -> None:
    one = pipeline()
    one.feed([opened("feed-1"), opened("feed-2")], T0)
    answer = one.command(note("feed-2"))
    assert answer.incident is not None
    assert answer.incident.id == "feed-2"
    assert one.command(note("fee")).result is CommandResult.UNKNOWN, "too short to be meant"


def test_a_memo_that_was_wrong_is_removed_and_no_longer_shown() -> None:
    one = pipeline()
    first = opened(**KIND)
    one.feed([first, resolved(first, T0 + 900), opened("b", at=T0 + 960, **KIND)], T0 + 960)
    one.command(note("a", "wrong"))
    one.command(note("a", "right", T0 + 61))
    forget = press(CommandKind.FORGET, "a-wro")
    answer = one.command(forget)
    assert answer.memo is not None
    assert answer.memo.text == "wrong"
    assert [(sent.subject, [memo.text for memo in sent.memos]) for sent in answer.dispatches] == [
        ("a", ["right"]),
        ("b", ["right"]),
    ]
    assert texts(restarted(one), "b") == ["right"]
    assert one.command(forget).result is CommandResult.REPEATED
    for name in ("a-wrong", "a-", ""):
        assert one.command(press(CommandKind.FORGET, name, T0 + 99)).result is CommandResult.UNKNOWN
    assert one.command(note("a", "next", T0 + 200)).memo == replace(one.memos[-1], text="next")


def test_the_same_memo_sent_twice_is_kept_once() -> None:
    one = pipeline()
    one.feed([opened()], T0)
    assert one.command(note()).result is CommandResult.DONE
    assert restarted(one).command(note()).result is CommandResult.REPEATED
    assert one.command(note()).result is CommandResult.REPEATED
    assert len(one.memos) == 1


def test_beyond_the_bounds_the_oldest_go_and_what_other_kinds_have_stays() -> None:
    one = pipeline()
    one.feed([opened(**KIND), opened("b", fingerprint="other")], T0)
    one.command(note("b", "kept"))
    for n in range(EACH + 5):
        one.command(note("a", f"{n}", T0 + 60 + n))
    assert texts(one, "a") == [f"{n}" for n in range(5, EACH + 5)]
    assert texts(one, "b") == ["kept"]
    parts = one.snapshot()
    assert sum(name.startswith("memo/") for name in parts) == EACH + 1


def memo(number: int, kind: str = "", text: str = "t") -> Memo:
    given: dict[str, Any] = {"id": f"{number}", "at": T0, "written": T0, "by": "U1", "text": text}
    return Memo(number=number, incident=f"i-{kind}" if kind else "", fingerprint=kind, **given)


def test_the_timeline_and_all_together_are_bounded() -> None:
    memos = Memos()
    for number in range(1, TIMELINE + 3):
        memos.add(memo(number))
    assert [memo.number for memo in memos] == list(range(3, TIMELINE + 3))
    for number in range(TIMELINE + 3, TIMELINE + MOST + 3):
        memos.add(memo(number, f"kind {number}"))
    assert len(list(memos)) == MOST
    assert all(memo.fingerprint for memo in memos), "the oldest of all were those of the timeline"
    assert memos.of(incident(fingerprint=f"kind {TIMELINE + 3}"))


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["note", "move", "restart"])), max_size=60),
)
def test_a_restart_at_any_time_changes_nothing(steps: list[tuple[str, str]]) -> None:
    kinds = {name: name for name in "abcd"}
    kept, dying = Memos(), Memos()
    for number, (name, step) in enumerate(steps, 1):
        of = incident(name, fingerprint=kinds[name])
        if step == "restart":
            parts, dying = dying.snapshot(), Memos()
            dying.restore(dict(reversed(parts.items())))
            assert dying.snapshot() == parts
        elif step == "move":
            kinds[name] = "abcd"[number % 4]
            for memos in (kept, dying):
                memos.move(replace(of, fingerprint=kinds[name]), of)
        else:
            for memos in (kept, dying):
                made = memo(memos.next_number, kinds[name], f"{number}")
                memos.add(replace(made, incident=name))
        assert list(kept) == list(dying)
        for key in "abcd":
            of = incident("x", fingerprint=key)
            assert kept.of(of) == dying.of(of)
    assert {memo.incident: memo.fingerprint for memo in kept}.items() <= kinds.items()


@given(st.text(max_size=300))
def test_the_text_of_a_memo_is_visible_lines_and_cleaning_it_twice_changes_nothing(
    text: str,
) -> None:
    kept = memo_text(text)
    assert memo_text(kept) == kept
    assert kept == kept.strip()
    assert all(character == "\n" or character.isprintable() for character in kept)
    assert "\n\n\n" not in kept
