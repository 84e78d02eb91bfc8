"""Incidents made to measure, for what compares and evaluates them."""

from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from alerting.incidents.fingerprint import fingerprint
from alerting.incidents.incident import Incident, Sent
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import Scope
from tests.alerting.given import PUT, ROUTE, SERVICE, T0, TABLE, finding

LEDGER = TABLE._replace(name="ledger")
REASONS: dict[Sent, str] = {"page": "told", "digest": "growth", "none": "quiet_hours"}


def made(
    identity: str,
    about: Scope = TABLE,
    *,
    start: int = 0,
    lasts: int | None = 600,
    after: int = 60,
    sent: Sent = "page",
    verdict: Verdict = Verdict.SPIKE,
    members: list[Finding] | None = None,
    **changes: Any,
) -> Incident:
    """Return an incident that began ``start`` seconds after T0, lasted so long and was sent ``after``."""
    begun = T0 + start
    end = None if lasts is None else begun + lasts
    down = {"observed": 1.0} if verdict in (Verdict.DROP, Verdict.ABSENCE) else {}
    primary = finding(
        about, f"{identity}-0", start=begun, seen=begun + after, end=end, verdict=verdict, **(down | changes)
    )
    return Incident(
        id=identity,
        revision=0,
        verdict=verdict,
        state="open" if end is None else "resolved",
        start=begun,
        alerted=None if sent == "none" else begun + after,
        end=end,
        primary=primary,
        members=members or [],
        sent=sent,
        reason=REASONS[sent],
        peak=primary.observed,
        fingerprint=fingerprint(primary),
    )


_ONE = st.builds(
    made,
    st.just(""),
    st.sampled_from([TABLE, LEDGER, PUT, ROUTE, SERVICE]),
    start=st.integers(0, 40).map(lambda slots: slots * 300),
    lasts=st.none() | st.integers(0, 12).map(lambda slots: slots * 300),
    after=st.integers(0, 5).map(lambda steps: steps * 60),
    sent=st.sampled_from(["page", "page", "digest", "none"]),
    verdict=st.sampled_from([Verdict.SPIKE, Verdict.SHIFT, Verdict.DROP, Verdict.GROWTH]),
    measure=st.sampled_from([Measure.REQUESTS, Measure.WCU]),
    members=st.lists(
        st.builds(finding, st.sampled_from([TABLE, LEDGER, PUT]), measure=st.just(Measure.REQUESTS)),
        max_size=2,
    ),
)


def several(prefix: str, shared: int = 3, most: int = 7) -> st.SearchStrategy[list[Incident]]:
    """Return lists of up to ``most`` incidents, of which up to ``shared`` have ids that other lists have."""
    names = st.integers(0, 6).map(lambda n: f"{'' if n < shared else prefix}{n}")
    return st.lists(st.tuples(names, _ONE), max_size=most, unique_by=lambda two: two[0]).map(
        lambda found: [replace(outcome, id=name) for name, outcome in found]
    )
