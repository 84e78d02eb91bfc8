"""The subset means what it means to a real Prometheus that holds the same samples."""

import math
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.record.query.query_times import QueryTimes
from tests.streams.record.query.prometheus import Prometheus, prometheus
from tests.streams.record.query.sampled import END, START, STEP, STEPS, Sampled

LABELS: Final = ("kind", "account", "name", "measure", "source_name", "source_kind")
EXAMPLES: Final = 250


class Both(NamedTuple):
    ours: Sampled
    theirs: Prometheus


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("both")
    # Prometheus 3 looks back less than five minutes, Prometheus 2 exactly as far
    with prometheus(folder, "--query.lookback-delta=299999ms") as theirs:
        ours = Sampled(folder / "history", seed=7)
        theirs.write(ours.series())
        yield Both(ours, theirs)


matchers = st.sampled_from(
    [
        *(
            'kind="table"',
            'kind=~"t.*|x"',
            'kind!="client"',
            'kind!~"cl.+"',
            'account="1"',
            'account!="1"',
            'account=~"2?"',
        ),
        *(
            'name="a"',
            'name=~"a|b"',
            'name!~"[b]"',
            'name=~"^a$"',
            'name=~"A"',
            'name=~"(?i)A"',
            'name!="ios"',
        ),
        *('measure="wcu"', 'measure=~"latency|wcu"', 'measure!="requests"', 'measure=~"throttles:.*d"'),
        *(
            'source_kind=""',
            'source_kind="function"',
            'source_name=~".*"',
            'source_name=~".+"',
            'source_name="πut"',
        ),
        *(
            'source_name=~"p.t|πut"',
            'source_name!~"p.t"',
            'version=~"3[.]2.*|"',
            'absent=""',
            'absent!="x"',
            'absent="x"',
        ),
    ]
)
conditions = st.lists(matchers, max_size=2).map(lambda some: "{" + ",".join(some) + "}" if some else "")
amounts = st.sampled_from(["uneri_observed", "uneri_expected", "uneri_lower", "uneri_upper"])
metrics = st.one_of(
    amounts, amounts, amounts, st.just("uneri_state"), st.sampled_from(["uneri_state", "unknown"])
)
offsets = st.sampled_from(["", "", "", " offset 5m", " offset -90s"])
selectors = st.builds("{}{}{}".format, metrics, conditions, offsets)
several = st.builds(
    '{{__name__=~"uneri_{}",{}}}'.format,
    st.sampled_from(["lower|upper", ".*", "observed|expected"]),
    matchers,
)
labels = st.lists(
    st.sampled_from([*LABELS, "version", "absent", "__name__", "verdict"]), max_size=3, unique=True
).map(", ".join)
grouped = st.one_of(st.just(""), st.builds("{} ({})".format, st.sampled_from(["by", "without"]), labels))
numbers = st.sampled_from(["0", "1", "2.5", "-3", "1e3", "(2 - 1)", "NaN"])
matching = st.one_of(st.just(""), st.builds("{}({})".format, st.sampled_from(["on", "ignoring"]), labels))
arithmetic = st.sampled_from(["+", "-", "*", "/", "%", "^"])
compared = st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "== bool", "< bool", ">= bool"])


def aggregated(of: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("{} {} ({})".format, st.sampled_from(["sum", "min", "max", "count", "avg"]), grouped, of)


tops = st.builds(
    "{} {} ({}, {}{})".format,
    st.sampled_from(["topk", "bottomk"]),
    grouped,
    st.sampled_from(["1", "2", "5", "0.5", "-1", "Inf", "-Inf", "NaN", "1e30"]),
    amounts,  # no two alike: which of equals is left, nobody promises
    conditions,
)
sums = aggregated(selectors)
narrow = st.builds("sum by ({}) ({})".format, labels, selectors)
simple = st.one_of(selectors, several, sums, tops)


def combined(of: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({}) {} {}".format, of, st.one_of(arithmetic, compared), numbers),
        st.builds("{} {} ({})".format, numbers, st.one_of(arithmetic, compared), of),
        st.builds("({}) {} {} ({})".format, of, st.one_of(arithmetic, compared), matching, of),
        st.builds("({}) {} {} ({})".format, of, st.sampled_from(["and", "or", "unless"]), matching, of),
        st.builds("-({})".format, of),
    )


queries = st.one_of(
    simple,
    combined(simple),
    aggregated(combined(simple)),
    combined(st.one_of(sums, narrow)),
    st.builds("{} {} {}".format, numbers, arithmetic, numbers),
    st.builds("{} > bool {}".format, numbers, numbers),
)
moments = st.one_of(
    st.integers(1, STEPS).map(lambda step: (START + STEP * step) * 1000),
    st.integers(START * 1000 - 400_000, END * 1000 + 400_000).map(lambda at: at // 500 * 500),
)


def series_of(answer: dict[str, Any]) -> dict[frozenset[tuple[str, str]], list[tuple[float, float]]] | str:
    """Return values by labels, or the type of an error."""
    if answer["status"] != "success":
        return str(answer["errorType"])
    result = answer["data"]["result"]
    if answer["data"]["resultType"] == "scalar":
        result = [{"metric": {}, "value": result}]
    return {
        frozenset(series["metric"].items()): [
            (at, float(value)) for at, value in series.get("values") or [series["value"]]
        ]
        for series in result
    }


def assert_alike(query: str, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    found, known = series_of(ours), series_of(theirs)
    said = f"{query}\nours {ours}\ntheirs {theirs}"
    if isinstance(known, str) or isinstance(found, str):
        assert found == known, said
        return
    assert found.keys() == known.keys(), said
    for labels_, samples in known.items():
        mine = found[labels_]
        assert [at for at, _ in mine] == [at for at, _ in samples], said
        for (_, value), (_, other) in zip(mine, samples, strict=True):
            assert math.isclose(value, other, rel_tol=1e-12) or (math.isnan(value) and math.isnan(other)), (
                said
            )


@settings(derandomize=True, max_examples=EXAMPLES)
@given(query=queries, at=moments)
def test_an_instant_query_has_the_answer_of_prometheus(both: Both, query: str, at: int) -> None:
    assert_alike(
        query, both.ours.ask(query, QueryTimes(at)), both.theirs.ask("query", query=query, time=at / 1000)
    )


@pytest.mark.release
@settings(derandomize=True, max_examples=EXAMPLES)
@given(
    query=queries,
    at=moments,
    step=st.sampled_from([500, 7000, 15_000, 60_000, 90_000, 599_000]),
    points=st.integers(2, 60),
)
def test_a_query_over_a_range_has_the_answer_of_prometheus(
    both: Both, query: str, at: int, step: int, points: int
) -> None:
    times = QueryTimes(at, step, points)
    theirs = both.theirs.ask(
        "query_range", query=query, start=at / 1000, end=times.last / 1000, step=step / 1000
    )
    assert_alike(query, both.ours.ask(query, times), theirs)
