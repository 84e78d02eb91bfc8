"""Never tuned on. A service that doubles in a month, evenings most; all of it grows, some of it breaks."""

from backends.backend import DAY, Backend, Call, Client, Path, Source
from backends.faults import Incident, Struck, Where, incident, scopes_of
from backends.shapes import by_hour, hours_after

A = "666677778888"
HOME = Path("app", "GET /home", "home", 30, (Call("posts", "Query", rcu=5, ms=10),), ms=20, account=A)
LIKE = Path("app", "POST /likes", "like", 16, (Call("likes", "PutItem", wcu=1, ms=6),), ms=10, account=A)
CHAT = Path(
    "chat", "POST /messages", "chat", 12, (Call("messages", "PutItem", wcu=2, ms=7),), ms=18, account=A
)
READ = Path(
    "chat", "GET /messages", "chat-read", 24, (Call("messages", "Query", rcu=3, ms=8),), ms=14, account=A
)
ALL = (HOME, LIKE, CHAT, READ)
APPS = (
    Client("ios", 4, (("1.3", -9), ("1.4", 10), ("1.5", 24)), 3),
    Client("android", 5, (("1.3", -9), ("1.4", 17)), 4),
)
HOURS = (3, 2, 1, 0.6, 0.5, 0.6, 1.2, 2.2, 2, 1.8, 2, 2.4, 3, 2.8, 2.6, 3, 3.6, 4.4, 5, 5.6, 6.4, 7, 6, 4.5)
PER_DAY = 2 ** (1 / 30) - 1


def backend(rate: float = 1.0) -> Backend:
    """Return the service, ``rate`` requests a second on the mean of all its days."""
    days = 35
    begins = rate * days * PER_DAY / ((1 + PER_DAY) ** days - 1)
    shape = by_hour(HOURS, (1, 0.95, 0.95, 1, 1.1, 1.3, 1.2))
    return Backend(
        name="sprout",
        cloud="aws",
        weeks=5,
        sources=(Source("people", begins, ALL, shape, APPS, session=8, wander=0.15, growth=PER_DAY),),
    )


def incidents() -> tuple[Incident, ...]:
    """The growth, told within two weeks, and a few days of trouble."""
    found: list[Incident] = []

    def add(kind: str, day: float, hour: float, minutes: float, faults: list[Struck], **more: object) -> None:
        found.append(incident(kind, hours_after(day, hour), minutes, faults, **more))

    up = ("spike", "shift")
    end = 35 * DAY
    found.append(
        Incident("doubles in a month", 0, end, (), ("growth", "limit"), scopes_of(*ALL), expect="digest")
    )
    add(
        "chat x4, 1 h",
        28,
        20.0,
        60,
        [("more", Where(function="chat"), 4, {})],
        verdicts=up,
        scopes=scopes_of(CHAT),
        caller=("function", "chat"),
    )
    add("a show x2.5, 1 h", 29, 20.5, 60, [("more", Where(), 2.5, {})], verdicts=up, scopes=scopes_of(*ALL))
    add(
        "a build likes x8, 40 min",
        30,
        18.0,
        40,
        [("more", Where(function="like", client="ios 1.5"), 30, {"least": 0.05})],
        verdicts=up,
        scopes=scopes_of(LIKE),
        caller=("function", "like"),
        suspect="ios 1.5",
    )
    add(
        "new exception 10 %, 40 min",
        31,
        21.0,
        40,
        [("crash", Where(function="home"), 0.1, {"text": "KeyError: 'avatar'"})],
        verdicts=("fatal", "spike"),
        scopes=scopes_of(HOME),
    )
    add(
        "dear reads x5, 1 h",
        32,
        19.0,
        60,
        [("dear", Where(function="chat-read", table="messages"), 5, {})],
        verdicts=up,
        scopes=scopes_of(READ),
        caller=("function", "chat-read"),
    )
    add(
        "likes unreachable, 40 min",
        33,
        17.0,
        40,
        [("fewer", Where(function="like"), 0, {})],
        verdicts=("drop", "absence"),
        scopes=scopes_of(LIKE),
    )
    return tuple(found)
