"""Never tuned on. Payments of five customers, one with half of the traffic, busiest before noon."""

from backends.backend import DAY, HOUR, Backend, Call, Client, Clock, Path, Source
from backends.faults import Incident, Struck, Where, incident, scopes_of
from backends.shapes import by_hour, flat, hours_after

EU = {"account": "pay-eu", "region": "europe-west1"}
PAY = Path(
    "pay",
    "POST /payments",
    "pay",
    20,
    (Call("payments", "insert", wcu=3, ms=10), Call("balances", "update", wcu=2, ms=9)),
    ms=70,
    user_errors=0.03,
    **EU,
)
GET = Path(
    "pay", "GET /payments/{id}", "payment-get", 30, (Call("payments", "get", rcu=1, ms=4),), ms=9, **EU
)
LIST = Path(
    "pay", "GET /payments", "payment-list", 8, (Call("payments", "query", rcu=10, ms=14),), ms=30, **EU
)
HOOK = Path(
    "hooks", "", "hook", 18, (Call("deliveries", "insert", wcu=1, ms=7),), ms=140, user_errors=0, **EU
)
BOOKS = Path("books", "", "books", 0, (Call("balances", "get", rcu=2, ms=5),), ms=40, user_errors=0, **EU)
API = (PAY, GET, LIST, HOOK)
APPS = (Client("api", 1, (("2", -30),)),)
HOURS = (0.6, 0.4, 0.3, 0.3, 0.4, 0.8, 2, 4, 6, 7.5, 8, 6.5, 4, 5, 6, 6, 7.5, 6, 3.5, 2.5, 2, 1.6, 1.2, 0.8)


def backend(rate: float = 1.0) -> Backend:
    """Return the payments with ``rate`` mean requests a second."""
    return Backend(
        name="clearing",
        cloud="gcp",
        weeks=4,
        sources=(
            Source(
                "day",
                0.8 * rate,
                API,
                by_hour(HOURS, (1.1, 1, 1, 1, 1.15, 0.5, 0.35)),
                APPS,
                session=3,
                wander=0.15,
            ),
            Source("machines", 0.2 * rate, (GET, LIST), flat, APPS, session=1, wander=0.08),
        ),
        clocks=(Clock("books", BOOKS, DAY, 23.2 * HOUR, 700, 900, wander=0.1),),
        tenants=5,
    )


def incidents() -> tuple[Incident, ...]:
    """One week."""
    found: list[Incident] = []

    def add(kind: str, day: float, hour: float, minutes: float, faults: list[Struck], **more: object) -> None:
        found.append(incident(kind, hours_after(day, hour), minutes, faults, **more))

    up = ("spike", "shift")
    add(
        "a customer lists x12, 1 h",
        21,
        10.0,
        60,
        [("more", Where(function="payment-list", tenant=3), 40, {"least": 0.02})],
        verdicts=up,
        scopes=scopes_of(LIST),
        caller=("function", "payment-list"),
        suspect="t-03",
    )
    add("pay day x2.2, 3 h", 22, 9.0, 180, [("more", Where(), 2.2, {})], verdicts=up, scopes=scopes_of(*API))
    add(
        "books do not run",
        22,
        23.1,
        40,
        [("fewer", Where(function="books"), 0, {})],
        verdicts=("drop", "absence"),
        scopes=scopes_of(BOOKS),
    )
    add(
        "the largest customer polls x3, 2 h",
        23,
        14.0,
        120,
        [("more", Where(function="payment-get", tenant=0), 3, {})],
        verdicts=up,
        scopes=scopes_of(GET),
        caller=("function", "payment-get"),
        suspect="t-00",
    )
    add(
        "everything x1.25, 4 h",
        24,
        9.0,
        240,
        [("more", Where(), 1.25, {})],
        verdicts=up,
        scopes=scopes_of(*API),
        expect="digest",
        small=True,
    )
    add(
        "hooks sent x5, 40 min",
        24,
        16.0,
        40,
        [("more", Where(function="hook"), 5, {})],
        verdicts=up,
        scopes=scopes_of(HOOK),
        caller=("function", "hook"),
    )
    add(
        "5xx 20 % of a customer, 1 h",
        25,
        10.0,
        60,
        [("fail", Where(function="pay", tenant=1), 0.8, {})],
        verdicts=("spike",),
        scopes=scopes_of(PAY),
        suspect="t-01",
    )
    add(
        "a customer goes, 2 h",
        25,
        15.0,
        120,
        [("fewer", Where(tenant=0), 0, {})],
        verdicts=("drop", "absence"),
        scopes=scopes_of(*API),
    )
    add(
        "dear writes x4, 2 h",
        26,
        10.0,
        120,
        [("dear", Where(function="pay", table="payments"), 4, {})],
        verdicts=up,
        scopes=scopes_of(PAY),
        caller=("function", "pay"),
    )
    add(
        "slow table x10, 40 min",
        26,
        18.0,
        40,
        [("slow table", Where(table="balances"), 10, {})],
        verdicts=("spike",),
        scopes=scopes_of(PAY),
    )
    add(
        "everything x4, 30 min", 27, 11.0, 30, [("more", Where(), 4, {})], verdicts=up, scopes=scopes_of(*API)
    )
    return tuple(found)
