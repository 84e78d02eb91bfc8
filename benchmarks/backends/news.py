"""Never tuned on. A newspaper: mornings and noons, campaigns that bring everybody, a nightly archive."""

from backends.backend import DAY, HOUR, Backend, Call, Client, Clock, Path, Source
from backends.faults import Incident, Struck, Where, incident, scopes_of
from backends.shapes import by_hour, flat, hours_after

FRONT = Path("site", "GET /", "front", 30, (Call("teasers", "Query", rcu=4, ms=9),), ms=25)
ARTICLE = Path(
    "site",
    "GET /articles/{id}",
    "article",
    40,
    (Call("articles", "GetItem", rcu=2, ms=5), Call("teasers", "Query", rcu=1, ms=6)),
    ms=18,
)
SEARCH = Path("site", "GET /search", "search", 4, (Call("index", "Query", rcu=12, ms=25),), ms=60)
COMMENT = Path(
    "talk",
    "POST /comments",
    "comment",
    2,
    (Call("comments", "PutItem", wcu=2, ms=8),),
    ms=30,
    user_errors=0.04,
)
COMMENTS = Path("talk", "GET /comments", "comments", 12, (Call("comments", "Query", rcu=3, ms=8),), ms=14)
ARCHIVE = Path("archive", "", "archive", 0, (Call("vault", "PutItem", wcu=3, ms=9),), ms=90, user_errors=0)
READ = (FRONT, ARTICLE, SEARCH, COMMENT, COMMENTS)
APPS = (
    Client("web", 5, (("61", -9), ("62", 12), ("63", 22.3)), 0.5),
    Client("ios", 3, (("7.0", -20), ("7.1", 9), ("7.2", 21.2)), 4),
    Client("android", 3, (("7.0", -20), ("7.1", 15)), 5),
)
HOURS = (1, 0.6, 0.4, 0.4, 0.8, 2.5, 5, 7, 6, 4.5, 4, 4.5, 6.5, 5, 4, 3.5, 3.5, 4, 4.5, 4.5, 4, 3.5, 2.5, 1.6)


def backend(rate: float = 1.0) -> Backend:
    """Return the newspaper with ``rate`` mean requests a second."""
    return Backend(
        name="news",
        cloud="aws",
        weeks=4,
        sources=(
            Source(
                "readers",
                0.85 * rate,
                READ,
                by_hour(HOURS, (1, 1, 1, 1, 1, 0.8, 0.9)),
                APPS,
                session=7,
                wander=0.2,
            ),
            Source("crawlers", 0.15 * rate, (FRONT, ARTICLE), flat, session=15, pause=3, wander=0.1),
        ),
        clocks=(Clock("archive", ARCHIVE, DAY, 2.6 * HOUR, 1600, 1800, wander=0.05),),
    )


def incidents() -> tuple[Incident, ...]:
    """One week: three times that everybody comes, and what breaks beside."""
    found: list[Incident] = []

    def add(kind: str, day: float, hour: float, minutes: float, faults: list[Struck], **more: object) -> None:
        found.append(incident(kind, hours_after(day, hour), minutes, faults, **more))

    up = ("spike", "shift")
    add("campaign x3, 40 min", 21, 12.2, 40, [("more", Where(), 3, {})], verdicts=up, scopes=scopes_of(*READ))
    add(
        "everything x1.3, 3 h",
        21,
        16.0,
        180,
        [("more", Where(), 1.3, {})],
        verdicts=up,
        scopes=scopes_of(*READ),
        expect="digest",
        small=True,
    )
    add(
        "archive does not run",
        22,
        2.5,
        45,
        [("fewer", Where(function="archive"), 0, {})],
        verdicts=("drop", "absence"),
        scopes=scopes_of(ARCHIVE),
    )
    add(
        "a build asks x5, 1 h",
        22,
        9.0,
        60,
        [("more", Where(function="comments", client="ios 7.1"), 12, {"least": 0.02})],
        verdicts=up,
        scopes=scopes_of(COMMENTS),
        caller=("function", "comments"),
        suspect="ios 7.1",
    )
    add(
        "crawlers search x6, 90 min",
        23,
        3.0,
        90,
        [("more", Where(function="search"), 6, {"least": 0.05})],
        verdicts=up,
        scopes=scopes_of(SEARCH),
        caller=("function", "search"),
    )
    add("campaign x2, 1 h", 23, 19.0, 60, [("more", Where(), 2, {})], verdicts=up, scopes=scopes_of(*READ))
    add(
        "4 calls in place of 1, 2 h",
        24,
        10.0,
        120,
        [("calls", Where(function="front"), 4, {})],
        verdicts=up,
        scopes=scopes_of(FRONT),
        caller=("function", "front"),
    )
    add(
        "5xx 10 %, 40 min",
        24,
        18.0,
        40,
        [("fail", Where(function="article"), 0.1, {})],
        verdicts=("spike",),
        scopes=scopes_of(ARTICLE),
    )
    add(
        "slow table x8, 40 min",
        25,
        8.0,
        40,
        [("slow table", Where(table="comments"), 8, {})],
        verdicts=("spike",),
        scopes=scopes_of(COMMENTS, COMMENT),
    )
    add(
        "front page unreachable, 30 min",
        25,
        17.0,
        30,
        [("fewer", Where(function="front"), 0, {})],
        verdicts=("drop", "absence"),
        scopes=scopes_of(FRONT),
    )
    add(
        "dear reads x5, 2 h",
        26,
        11.0,
        120,
        [("dear", Where(function="article", table="articles"), 5, {})],
        verdicts=up,
        scopes=scopes_of(ARTICLE),
        caller=("function", "article"),
    )
    add("campaign x6, 15 min", 27, 10.5, 15, [("more", Where(), 6, {})], verdicts=up, scopes=scopes_of(*READ))
    return tuple(found)
