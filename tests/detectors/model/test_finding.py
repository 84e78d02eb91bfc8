"""The parts that people read: of one kind of caller never more than the whole, and none that is noise."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from alerting.incidents.incident import finding_to_json
from alerting.messages.evidence import ranked, standing_out
from alerting.report.carriers import carriers
from alerting.words.locales import ENGLISH
from detectors.explain.attribution import attribute
from detectors.model.finding import NOTABLE, Share, notable, of_whole
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
    return sum(max(each.share, 0.0) for each in shares if each.scope.kind == kind)


@given(attributed(), st.data())
def test_shares_of_one_kind_never_exceed_the_whole(shares: list[Share], data: st.DataObject) -> None:
    callers = [each for each in shares if each.scope.kind not in (CLIENT, TENANT)]
    clients = [each for each in shares if each.scope.kind in (CLIENT, TENANT)]
    suspects = [client for client in clients if client.share >= 0.5]
    stale = data.draw(st.booleans())  # suspects of an earlier revision, whose callers are of a later one
    of = finding(scope("table", "items"), callers=callers + ([] if stale else clients), suspects=suspects)
    for told in (of_whole(of), notable(of)):
        for kind in (FUNCTION, ROUTE, CLIENT, TENANT):
            assert total(told.callers, kind) <= 1 + 1e-9
            assert total(told.suspects, kind) <= 1 + 1e-9
    for each in (*notable(of).callers, *notable(of).suspects):
        assert each.share >= NOTABLE
        assert abs(each.more_calls + each.more_per_call - each.share) <= 1e-6 * max(each.share, 1)
    assert sum(each.share for each in ranked(of)) <= 1 + 1e-9
    assert sum(each.share for each in standing_out(of) if each.scope.kind == CLIENT) <= 1 + 1e-9
    written = finding_to_json(of)["suspects"]
    assert isinstance(written, list)
    assert sum(each["share"] for each in written if each["kind"] == CLIENT) <= 1 + 1e-3
    for group in carriers(of, ENGLISH):
        assert sum(row.calls + row.per_call for row in group.rows) <= 100.5


def test_two_clients_that_rose_while_a_third_fell_are_parts_of_what_rose() -> None:
    android = IOS._replace(name="android")
    web = IOS._replace(name="web")
    shares = [share(IOS, 0.6), share(android, 0.55), share(web, -0.15)]
    of = finding(scope("table", "items"), callers=shares, suspects=shares[:2])
    assert [round(each.share, 3) for each in standing_out(of)] == [0.522, 0.478]


def test_a_caller_of_less_than_a_twentieth_is_not_shown() -> None:
    names = [(scope("function", name), part) for name, part in (("put", 0.9), ("get", 0.04), ("all", 0.06))]
    of = finding(scope("table", "items"), callers=[share(name, part) for name, part in names])
    assert [each.scope.label for each in ranked(of)] == ["put", "all"]
    tiny = replace(of, callers=[share(scope("function", f"f{n}"), 0.04) for n in range(25)])
    assert ranked(tiny) == []
    [group] = carriers(of, ENGLISH)
    assert ([row.name for row in group.rows], group.more) == (["put", "all"], 1)


def test_shares_that_are_parts_of_the_whole_stay_as_they_are() -> None:
    shares = [share(Scope("function", "aws", "1", "", "put"), 0.7), share(scope("function", "get"), 0.3)]
    of = finding(scope("table", "items"), callers=shares)
    assert of_whole(of).callers == shares
