"""Never tuned on. Devices that report all day, many on the quarter hour, and people in the evening."""

from backends.backend import DAY, HOUR, Backend, Call, Client, Clock, Path, Source
from backends.faults import Incident, Struck, Where, incident, scopes_of
from backends.shapes import by_hour, flat, hours_after

A = "777788889999"
REPORT = Path(
    "intake", "POST /readings", "reading", 50, (Call("readings", "PutItem", wcu=1, ms=5),), ms=6, account=A
)
CONFIG = Path(
    "intake", "GET /config", "config", 6, (Call("devices", "GetItem", rcu=1, ms=4),), ms=6, account=A
)
BATCH = Path("intake", "", "bulk", 0, (Call("readings", "BatchWriteItem", wcu=6, ms=15),), ms=30, account=A)
CHART = Path("home", "GET /charts", "chart", 10, (Call("readings", "Query", rcu=9, ms=16),), ms=50, account=A)
STATE = Path("home", "GET /state", "state", 16, (Call("devices", "GetItem", rcu=1, ms=4),), ms=9, account=A)
BILL = Path(
    "bills", "", "bill", 0, (Call("bills", "PutItem", wcu=2, ms=8),), ms=120, user_errors=0, account=A
)
ALL = (REPORT, CONFIG, CHART, STATE)
FIRMWARE = (
    Client("meter", 6, (("2.1", -90), ("2.2", 6), ("2.3", 22.5)), 6),
    Client("valve", 2, (("1.0", -90),)),
)
APPS = (Client("app", 1, (("5", -9), ("6", 13)), 3),)
HOURS = (
    0.8,
    0.4,
    0.3,
    0.2,
    0.3,
    1,
    3,
    3.4,
    2,
    1.4,
    1.2,
    1.3,
    1.8,
    1.5,
    1.4,
    1.7,
    2.6,
    4.5,
    6,
    6.4,
    6,
    4.5,
    3,
    1.5,
)


def backend(rate: float = 1.0) -> Backend:
    """Return the devices and people with ``rate`` mean requests a second."""
    return Backend(
        name="meters",
        cloud="aws",
        weeks=4,
        sources=(
            Source(
                "devices", 0.6 * rate, (REPORT, CONFIG), flat, FIRMWARE, session=1, wander=0.06, daily=0.02
            ),
            Source("people", 0.3 * rate, (CHART, STATE), by_hour(HOURS), APPS, session=5, wander=0.2),
        ),
        clocks=(
            Clock("quarter", BATCH, 900, 5, 90 * rate, 40),
            Clock("bills", BILL, DAY, 4.2 * HOUR, 900, 1500, wander=0.08),
        ),
    )


def incidents() -> tuple[Incident, ...]:
    """One week."""
    found: list[Incident] = []

    def add(kind: str, day: float, hour: float, minutes: float, faults: list[Struck], **more: object) -> None:
        found.append(incident(kind, hours_after(day, hour), minutes, faults, **more))

    up = ("spike", "shift")
    add(
        "a firmware asks x8, 90 min",
        23,
        3.0,
        90,
        [("more", Where(function="config", client="meter 2.3"), 30, {"least": 0.02})],
        verdicts=up,
        scopes=scopes_of(CONFIG),
        caller=("function", "config"),
        suspect="meter 2.3",
    )
    add(
        "everything x2, 1 h",
        23,
        19.0,
        60,
        [("more", Where(), 2, {})],
        verdicts=up,
        scopes=scopes_of(*ALL, BATCH),
    )
    add(
        "bills are not made",
        24,
        4.1,
        45,
        [("fewer", Where(function="bill"), 0, {})],
        verdicts=("drop", "absence"),
        scopes=scopes_of(BILL),
    )
    add(
        "half of the readings, 1 h",
        24,
        13.0,
        60,
        [("fewer", Where(function="reading"), 0.4, {})],
        verdicts=("drop",),
        scopes=scopes_of(REPORT),
    )
    add(
        "charts read 5 times, 1 h",
        25,
        19.0,
        60,
        [("calls", Where(function="chart"), 5, {})],
        verdicts=up,
        scopes=scopes_of(CHART),
        caller=("function", "chart"),
    )
    add(
        "everything x1.3, 3 h",
        26,
        10.0,
        180,
        [("more", Where(), 1.3, {})],
        verdicts=up,
        scopes=scopes_of(*ALL, BATCH),
        expect="digest",
        small=True,
    )
    add(
        "throttles 20 %, 30 min",
        26,
        20.0,
        30,
        [("throttle", Where(table="readings"), 0.2, {"text": "ThrottlingException"})],
        verdicts=("spike",),
        scopes=scopes_of(REPORT, CHART, BATCH),
    )
    add(
        "readings sent x3, 40 min",
        27,
        9.0,
        40,
        [("more", Where(function="reading"), 3, {})],
        verdicts=up,
        scopes=scopes_of(REPORT),
        caller=("function", "reading"),
    )
    return tuple(found)
