"""An interface for partners, logged badly: late, doubled, out of order, no clients, no accounts."""

from backends.backend import DAY, HOUR, Backend, Call, Clock, Path, Replacement, Source
from backends.faults import Incident, Struck, Where, incident
from backends.shapes import consumer, flat, hours_after, office

GONE = {"account": "", "region": ""}
RATES = Path(
    "rates",
    "GET /rates",
    "rates",
    20,
    (Call("rates", "GetItem", rcu=0.5, ms=4),),
    ms=8,
    user_errors=0.02,
    **GONE,
)
QUOTE = Path(
    "quotes",
    "POST /quotes",
    "quote",
    8,
    (Call("rates", "Query", rcu=4, ms=9), Call("quotes", "PutItem", wcu=2, ms=8)),
    ms=45,
    user_errors=0.06,
    **GONE,
)
BOOK = Path(
    "bookings",
    "POST /bookings",
    "book",
    1.5,
    (Call("bookings", "PutItem", wcu=3, ms=10), Call("quotes", "GetItem", rcu=1)),
    ms=110,
    user_errors=0.05,
    backend_errors=0.01,
    **GONE,
)
STATUS = Path(
    "bookings",
    "GET /bookings/{id}",
    "booking-get",
    9,
    (Call("bookings", "GetItem", rcu=1, ms=4),),
    ms=12,
    **GONE,
)
STATUS_NEW = Path(
    "bookings",
    "GET /bookings/{id}",
    "booking-get-2",
    0,
    (Call("bookings", "GetItem", rcu=1, ms=4),),
    ms=11,
    **GONE,
)
FEED = Path(
    "rates",
    "",
    "rate-feed",
    0,
    (Call("rates", "BatchWriteItem", wcu=20, ms=30),),
    ms=150,
    user_errors=0,
    **GONE,
)


def backend(rate: float = 0.25) -> Backend:
    """Return the interface with ``rate`` mean requests a second from people and as many from machines."""
    return Backend(
        name="partner",
        cloud="aws",
        weeks=5,
        sources=(
            Source(
                "people",
                rate,
                (RATES, QUOTE, BOOK, STATUS, STATUS_NEW),
                consumer(0.1, 0.5),
                session=5,
                pause=12,
                wander=0.25,
                daily=0.08,
                growth=0.004,
            ),
            Source(
                "machines", 0.6 * rate, (RATES, STATUS, STATUS_NEW), flat, session=1, wander=0.05, daily=0.03
            ),
            Source(
                "agents",
                0.4 * rate,
                (QUOTE, BOOK),
                office(night=0.02),
                session=12,
                pause=20,
                wander=0.3,
                daily=0.1,
            ),
        ),
        clocks=(Clock("feed", FEED, 15 * 60, 30, 12, 20), Clock("night feed", FEED, DAY, 3 * HOUR, 500, 900)),
        replacements=(Replacement("booking-get", "booking-get-2", 17.5, 0.1),),
        holidays=((29.0, 0.45),),
        disorder=3.0,
        late=0.003,
        doubled=0.004,
        missing=("client", "account", "region"),
    )


def incidents() -> tuple[Incident, ...]:
    """Ten days of trouble; the thirtieth day is a public holiday."""
    found: list[Incident] = []

    def add(kind: str, day: float, hour: float, minutes: float, faults: list[Struck], **more: object) -> None:
        found.append(incident(kind, hours_after(day, hour), minutes, faults, **more))

    add(
        "more calls x6, 30 min",
        21,
        15.0,
        30,
        [("more", Where(function="quote"), 6, {})],
        verdicts=("spike",),
        scopes=(("table", "quotes"), ("table", "rates")),
        caller=("function", "quote"),
    )
    add(
        "5xx 40 % of a function, 20 min",
        22,
        20.0,
        20,
        [("fail", Where(function="rates"), 0.4, {})],
        verdicts=("spike",),
        scopes=(("function", "rates"), ("route", "GET /rates")),
    )
    add(
        "slow table x20, 1 h",
        23,
        12.0,
        60,
        [("slow table", Where(table="rates"), 20, {})],
        verdicts=("spike",),
        scopes=(("table", "rates"),),
    )
    add(
        "throttles, 30 min",
        24,
        19.0,
        30,
        [("throttle", Where(table="bookings"), 0.35, {"text": "TableWriteProvisionedThroughputExceeded"})],
        verdicts=("spike",),
        scopes=(("table", "bookings"),),
    )
    add(
        "scan instead of query x12, 1 h",
        25,
        11.0,
        60,
        [("dear", Where(function="quote", table="rates"), 12, {})],
        verdicts=("spike", "shift"),
        scopes=(("table", "rates"),),
        caller=("function", "quote"),
    )
    add(
        "night loop, 20 min",
        26,
        4.5,
        20,
        [("more", Where(function="booking-get-2"), 30, {})],
        verdicts=("spike",),
        scopes=(("table", "bookings"),),
        caller=("function", "booking-get-2"),
    )
    add(
        "route unreachable, 1 h",
        27,
        14.0,
        60,
        [("fewer", Where(function="rates"), 0.0, {})],
        verdicts=("drop", "absence"),
        scopes=(("route", "GET /rates"), ("function", "rates"), ("table", "rates"), ("service", "rates")),
    )
    add(
        "feed silent, 3 h",
        28,
        9.0,
        180,
        [("fewer", Where(function="rate-feed"), 0.0, {})],
        verdicts=("drop", "absence"),
        scopes=(("function", "rate-feed"), ("table", "rates")),
    )
    add(
        "level x1.7 that stays",
        31,
        9.0,
        3.9 * 1440,
        [("more", Where(function="booking-get-2"), 1.7, {})],
        verdicts=("shift",),
        scopes=(("table", "bookings"), ("function", "booking-get-2"), ("route", "GET /bookings/{id}")),
        caller=("function", "booking-get-2"),
    )
    return tuple(found)
