"""A small business application: office hours, silent nights and weekends, few requests."""

from backends.backend import DAY, HOUR, Backend, Call, Client, Clock, Path, Source
from backends.faults import Incident, Struck, Where, incident
from backends.shapes import hours_after, office

ACCOUNT = "222233334444"
LIST = Path(
    "invoices",
    "GET /invoices",
    "invoice-list",
    12,
    (Call("invoices", "Query", rcu=12, ms=14),),
    account=ACCOUNT,
)
GET = Path(
    "invoices",
    "GET /invoices/{id}",
    "invoice-get",
    20,
    (Call("invoices", "GetItem", rcu=1, ms=5),),
    account=ACCOUNT,
)
PUT = Path(
    "invoices",
    "POST /invoices",
    "invoice-create",
    3,
    (Call("invoices", "PutItem", wcu=3, ms=9), Call("audit", "PutItem", wcu=1, ms=6)),
    ms=80,
    user_errors=0.05,
    account=ACCOUNT,
)
PDF = Path(
    "documents",
    "GET /invoices/{id}/pdf",
    "invoice-pdf",
    5,
    (Call("invoices", "GetItem", rcu=1),),
    ms=900,
    account=ACCOUNT,
)
REPORT = Path(
    "reports",
    "GET /reports/{kind}",
    "report",
    1.2,
    (Call("invoices", "Scan", rcu=80, ms=120),),
    ms=600,
    account=ACCOUNT,
)
SYNC = Path(
    "invoices",
    "",
    "ledger-sync",
    0,
    (Call("ledger", "BatchWriteItem", wcu=8, ms=25),),
    ms=300,
    account=ACCOUNT,
)

APPS = (
    Client("portal", 4, (("14", -9), ("15", 10.3), ("16", 24.3)), 0.2),
    Client("addin", 1, (("2.0", -9), ("2.1", 15)), 8),
)


def backend(rate: float = 0.12) -> Backend:
    """Return the application with ``rate`` mean requests a second."""
    return Backend(
        name="b2b",
        cloud="aws",
        weeks=5,
        sources=(
            Source(
                "offices",
                rate,
                (LIST, GET, PUT, PDF, REPORT),
                office(),
                APPS,
                session=9,
                pause=14,
                wander=0.2,
                daily=0.08,
            ),
        ),
        clocks=(Clock("ledger", SYNC, DAY, 1 * HOUR, 120, 300), Clock("hourly", SYNC, HOUR, 20 * 60, 6, 20)),
        tenants=25,
    )


def incidents() -> tuple[Incident, ...]:
    """Two weeks of trouble in working hours."""
    found: list[Incident] = []

    def add(kind: str, day: float, hour: float, minutes: float, faults: list[Struck], **more: object) -> None:
        found.append(incident(kind, hours_after(day, hour), minutes, faults, **more))

    add(
        "tenant flood x6, 1 h",
        21,
        10.0,
        60,
        [("more", Where(function="invoice-get", tenant=3), 30, {"least": 0.03})],
        verdicts=("spike",),
        scopes=(("table", "invoices"), ("function", "invoice-get"), ("route", "GET /invoices/{id}")),
        caller=("function", "invoice-get"),
        suspect="t-03",
    )
    add(
        "5xx 60 % of a function, 1 h",
        21,
        14.5,
        60,
        [("fail", Where(function="invoice-create"), 0.6, {})],
        verdicts=("spike",),
        scopes=(("function", "invoice-create"), ("route", "POST /invoices")),
        small=True,
    )
    add(
        "new exception 30 %, 1 h",
        22,
        9.5,
        60,
        [("crash", Where(function="invoice-get"), 0.3, {"text": "NullReference"})],
        verdicts=("fatal", "spike"),
        scopes=(("function", "invoice-get"), ("route", "GET /invoices/{id}")),
    )
    add(
        "dear calls x8, 2 h",
        22,
        13.5,
        120,
        [("dear", Where(function="invoice-list", table="invoices"), 8, {})],
        verdicts=("spike", "shift"),
        scopes=(("table", "invoices"),),
        caller=("function", "invoice-list"),
    )
    add(
        "hot key throttles, 20 min",
        23,
        10.5,
        20,
        [("throttle", Where(table="invoices"), 0.4, {"text": "TableReadKeyRangeThroughputExceeded"})],
        verdicts=("spike",),
        scopes=(("table", "invoices"),),
    )
    add(
        "account silent, 90 min",
        23,
        14.0,
        90,
        [("fewer", Where(account=ACCOUNT), 0.0, {})],
        verdicts=("drop", "absence"),
        scopes=(
            ("account", ACCOUNT),
            ("service", "invoices"),
            ("table", "invoices"),
            ("function", "invoice-get"),
            ("function", "invoice-list"),
        ),
    )
    add(
        "slow code x6, 90 min",
        24,
        10.0,
        90,
        [("slow code", Where(function="invoice-get"), 12, {})],
        verdicts=("spike",),
        scopes=(("function", "invoice-get"),),
        small=True,
    )
    add(
        "4xx of one client, 1 h",
        24,
        14.5,
        60,
        [("refuse", Where(client="addin 2.1"), 0.9, {})],
        verdicts=("spike",),
        scopes=(
            ("client", "addin"),
            ("service", "invoices"),
            ("function", "invoice-get"),
            ("route", "GET /invoices/{id}"),
            ("function", "invoice-list"),
        ),
        suspect="addin 2.1",
        small=True,
    )
    add(
        "night loop, 30 min",
        25,
        2.5,
        30,
        [("more", Where(function="ledger-sync"), 2, {"least": 1.0})],
        verdicts=("spike",),
        scopes=(("table", "ledger"), ("function", "ledger-sync")),
        caller=("function", "ledger-sync"),
    )
    add(
        "weekend crawler, 1 h",
        26,
        15.0,
        60,
        [("more", Where(function="invoice-pdf"), 2, {"least": 0.5})],
        verdicts=("spike",),
        scopes=(("table", "invoices"), ("function", "invoice-pdf"), ("route", "GET /invoices/{id}/pdf")),
        caller=("function", "invoice-pdf"),
    )
    add(
        "more calls x4, 1 h",
        28,
        10.5,
        60,
        [("more", Where(function="report"), 8, {"least": 0.02})],
        verdicts=("spike",),
        scopes=(("table", "invoices"),),
        caller=("function", "report"),
    )
    add(
        "route unreachable, 1 h",
        29,
        10.0,
        60,
        [("fewer", Where(route="GET /invoices/{id}"), 0.0, {})],
        verdicts=("drop", "absence"),
        scopes=(("route", "GET /invoices/{id}"), ("function", "invoice-get"), ("table", "invoices")),
    )
    add(
        "ledger job does not come",
        30,
        0.9,
        60 * 1.0,
        [("fewer", Where(function="ledger-sync"), 0.0, {})],
        verdicts=("drop", "absence"),
        scopes=(("account", ACCOUNT), ("function", "ledger-sync"), ("table", "ledger")),
        small=True,
    )
    return tuple(found)
