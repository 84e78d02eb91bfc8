from detectors.model.measures import Measure, value_of
from detectors.model.scope import Scope
from detectors.watch.rankings import TOP, Ranking, Use


def use(kind: str, name: str, day: float, measure: Measure = Measure.REQUESTS, account: str = "1") -> Use:
    return Use(Scope(kind, "aws", account, "eu", name), measure, day)


def names(uses: list[Use]) -> list[str]:
    return [one.scope.name for one in uses]


def test_apis_are_ranked_by_use_and_by_peak_latency() -> None:
    ranking = Ranking()
    ranking.feed(
        [
            use("route", "rare", 10, Measure.REQUESTS),
            use("route", "rare", 900, Measure.LATENCY),
            use("route", "busy", 5000, Measure.REQUESTS),
            use("route", "busy", 40, Measure.LATENCY),
        ]
    )
    reported = ranking.report()
    assert (names(reported.most_used), names(reported.slowest)) == (["busy", "rare"], ["rare", "busy"])


def test_functions_are_the_apis_of_an_account_without_routes_and_of_no_other() -> None:
    ranking = Ranking()
    ranking.feed([use("route", "r", 1), use("function", "f", 99), use("function", "g", 5, account="2")])
    assert names(ranking.report().most_used) == ["g", "r"]


def test_a_ranking_is_short_and_equal_ones_are_ordered_by_name() -> None:
    ranking = Ranking()
    ranking.feed([use("route", f"{n:02}", 7) for n in reversed(range(3 * TOP))])
    assert names(ranking.report().most_used) == [f"{n:02}" for n in range(TOP)]


def test_business_values_are_reported_beside_the_apis() -> None:
    ranking = Ranking()
    ranking.feed([use("account", "1", 120.5, value_of("sales"))])
    assert [value.measure.key for value in ranking.report().values] == ["sales"]


def test_a_step_within_an_hour_and_a_restart_change_nothing() -> None:
    ranking, again = Ranking(), Ranking()
    assert not ranking.report()
    ranking.feed([use("route", "r", 1)])
    ranking.feed([])
    again.restore(ranking.snapshot())
    assert names(again.report().most_used) == ["r"]
