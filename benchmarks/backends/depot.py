"""Never tuned on. A warehouse: closed at night, on Sundays and holidays; a count of the stock every night."""

from backends.backend import DAY, HOUR, Backend, Call, Client, Clock, Path, Source
from backends.faults import Incident, Struck, Where, incident, scopes_of
from backends.shapes import by_hour, hours_after

A = "555566667777"
SCAN = Path("floor", "POST /scans", "scan", 40, (Call("stock", "UpdateItem", wcu=1, ms=6),), ms=12, account=A)
PICK = Path("floor", "GET /picks", "pick", 14, (Call("orders", "Query", rcu=4, ms=9),), ms=20, account=A)
SHIP = Path(
    "dock",
    "POST /parcels",
    "ship",
    6,
    (Call("parcels", "PutItem", wcu=2, ms=8), Call("orders", "UpdateItem", wcu=2, ms=8)),
    ms=60,
    account=A,
)
LABEL = Path(
    "dock", "GET /labels/{id}", "label", 5, (Call("parcels", "GetItem", rcu=1, ms=4),), ms=300, account=A
)
DESK = Path("desk", "GET /reports", "desk", 2, (Call("stock", "Scan", rcu=60, ms=90),), ms=400, account=A)
COUNT = Path(
    "nightly", "", "count", 0, (Call("ledger", "PutItem", wcu=2, ms=7),), ms=50, user_errors=0, account=A
)
WORK = (SCAN, PICK, SHIP, LABEL, DESK)
APPS = (
    Client("scanner", 8, (("3.8", -30), ("3.9", 11), ("4.0", 23.2)), 1.0),
    Client("desk", 2, (("12", -9), ("13", 16)), 0.5),
)
HOURS = (0, 0, 0, 0, 0.1, 1, 4, 6, 6, 5, 6, 5, 2.5, 4.5, 6, 6, 5, 4, 3, 2, 1, 0.3, 0, 0)


def backend(rate: float = 1.0) -> Backend:
    """Return the warehouse with ``rate`` mean requests a second."""
    return Backend(
        name="depot",
        cloud="aws",
        weeks=4,
        sources=(
            Source(
                "people",
                rate,
                WORK,
                by_hour(HOURS, (1.1, 1, 1, 1, 1.1, 0.45, 0)),
                APPS,
                session=5,
                wander=0.18,
            ),
        ),
        clocks=(Clock("count", COUNT, DAY, 22.5 * HOUR, 1600, 1800, wander=0.05),),
        holidays=((18.0, 0.0), (25.0, 0.0)),
    )


def incidents() -> tuple[Incident, ...]:
    """One week, with a holiday on Friday."""
    found: list[Incident] = []

    def add(kind: str, day: float, hour: float, minutes: float, faults: list[Struck], **more: object) -> None:
        found.append(incident(kind, hours_after(day, hour), minutes, faults, **more))

    up = ("spike", "shift")
    add(
        "scanners repeat x4, 50 min",
        21,
        9.0,
        50,
        [("more", Where(function="scan"), 4, {})],
        verdicts=up,
        scopes=scopes_of(SCAN),
        caller=("function", "scan"),
    )
    add("sale x2.5, 2 h", 21, 14.0, 120, [("more", Where(), 2.5, {})], verdicts=up, scopes=scopes_of(*WORK))
    add(
        "count does not run",
        21,
        22.4,
        45,
        [("fewer", Where(function="count"), 0, {})],
        verdicts=("drop", "absence"),
        scopes=scopes_of(COUNT),
    )
    add(
        "everything x1.3, 3 h",
        22,
        9.0,
        180,
        [("more", Where(), 1.3, {})],
        verdicts=up,
        scopes=scopes_of(*WORK),
        expect="digest",
        small=True,
    )
    add(
        "dear reads x6, 90 min",
        22,
        15.0,
        90,
        [("dear", Where(function="pick", table="orders"), 6, {})],
        verdicts=up,
        scopes=scopes_of(PICK),
        caller=("function", "pick"),
    )
    add(
        "4xx of a build, 40 min",
        23,
        14.0,
        40,
        [("refuse", Where(function="scan", client="scanner 4.0"), 0.6, {})],
        verdicts=("spike",),
        scopes=(*scopes_of(SCAN), ("client", "scanner")),
        suspect="scanner 4.0",
    )
    add(
        "throttles 30 %, 30 min",
        23,
        17.0,
        30,
        [("throttle", Where(table="stock"), 0.3, {"text": "ProvisionedThroughputExceeded"})],
        verdicts=("spike",),
        scopes=scopes_of(SCAN),
    )
    add(
        "labels slow x10, 40 min",
        24,
        10.0,
        40,
        [("slow code", Where(function="label"), 10, {})],
        verdicts=("spike",),
        scopes=scopes_of(LABEL),
    )
    add(
        "dock silent, 40 min",
        24,
        14.0,
        40,
        [("fewer", Where(service="dock"), 0, {})],
        verdicts=("drop", "absence"),
        scopes=scopes_of(SHIP, LABEL),
    )
    add(
        "count x3",
        24,
        22.5,
        30,
        [("more", Where(function="count"), 3, {})],
        verdicts=up,
        scopes=scopes_of(COUNT),
        caller=("function", "count"),
    )
    add("Saturday x2, 2 h", 26, 8.0, 120, [("more", Where(), 2, {})], verdicts=up, scopes=scopes_of(*WORK))
    return tuple(found)
