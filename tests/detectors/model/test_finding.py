"""The parts that people read: of one kind of caller never more than the whole, and none that is noise."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from alerting.incidents.answers import finding_entry
from alerting.messages.evidence import ranked, standing_out
from detectors.explain.attribution import attribute
from detectors.model.finding import NOTABLE, Share, notable, shares_of_whole
from detectors.model.scope import CLIENT, FUNCTION, ROUTE, TENANT, Scope
from tests.alerting.given import IOS, finding, scope, share

_AMOUNTS = st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), min_size=1, max_size=12)


@st.composite
def attributed(draw: st.DrawFn) -> list[Share]:
    """Return the shares of every kind of caller, as the detectors divide an excess."""
    found: list[Share] = []
    for kind in (FUNCTION, ROUTE, CLIENT, TENANT):
        amounts = draw(_AMOUNTS)
        now, then = ([amount[which] for amount in amounts] for which in (0, 1))
        scopes = [scope(kind, f"{kind}-{number}") for number in range(len(amounts))]
        found += attribute(now, then, now, then, scopes)
    return found


def total(shares: list[Share], kind: str) -> float:
    return sum(max(share.share, 0.0) for share in shares if share.scope.kind == kind)


@given(attributed(), st.data())
def test_shares_of_one_kind_never_exceed_the_whole(shares: list[Share], data: st.DataObject) -> None:
    callers = [share for share in shares if share.scope.kind not in (CLIENT, TENANT)]
    clients = [share for share in shares if share.scope.kind in (CLIENT, TENANT)]
    suspects = [client for client in clients if client.share >= 0.5]
    stale = data.draw(st.booleans())  # suspects of an earlier revision, whose callers are of a later one
    of = finding(scope("table", "items"), callers=callers + ([] if stale else clients), suspects=suspects)
    for shown in (shares_of_whole(of), notable(of)):
        for kind in (FUNCTION, ROUTE, CLIENT, TENANT):
            assert total(shown.callers, kind) <= 1 + 1e-9
            assert total(shown.suspects, kind) <= 1 + 1e-9
    for part in (*notable(of).callers, *notable(of).suspects):
        assert part.share >= NOTABLE
        assert abs(part.more_calls + part.more_per_call - part.share) <= 1e-6 * max(part.share, 1)
    assert sum(share.share for share in ranked(of)) <= 1 + 1e-9
    assert sum(share.share for share in standing_out(of) if share.scope.kind == CLIENT) <= 1 + 1e-9
    listed = finding_entry(of).suspects
    assert sum(part.share for part in listed if part.kind == CLIENT) <= 1 + 1e-3


def test_two_clients_that_rose_while_a_third_fell_are_parts_of_what_rose() -> None:
    android = IOS._replace(name="android")
    web = IOS._replace(name="web")
    shares = [share(IOS, 0.6), share(android, 0.55), share(web, -0.15)]
    of = finding(scope("table", "items"), callers=shares, suspects=shares[:2])
    assert [round(share.share, 3) for share in standing_out(of)] == [0.522, 0.478]


def test_a_caller_of_less_than_a_twentieth_is_not_shown() -> None:
    names = [(scope("function", name), part) for name, part in (("put", 0.9), ("get", 0.04), ("all", 0.06))]
    of = finding(scope("table", "items"), callers=[share(name, part) for name, part in names])
    assert [share.scope.label for share in ranked(of)] == ["put", "all"]
    tiny = replace(of, callers=[share(scope("function", f"f{n}"), 0.04) for n in range(25)])
    assert ranked(tiny) == []


def test_shares_that_are_parts_of_the_whole_stay_as_they_are() -> None:
    shares = [share(Scope("function", "aws", "1", "", "put"), 0.7), share(scope("function", "get"), 0.3)]
    of = finding(scope("table", "items"), callers=shares)
    assert shares_of_whole(of).callers == shares
