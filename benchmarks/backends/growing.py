"""A young service that grows: 4 % a day at one table, 1 % elsewhere. Nobody is to be paged, ever."""

from backends.backend import Backend, Call, Client, Path, Source
from backends.faults import Fault, Incident, Where
from backends.shapes import consumer

FEED = Path(
    "feed", "GET /feed", "feed", 20, (Call("posts", "Query", rcu=8, ms=11),), ms=20, account="333344445555"
)
POST = Path(
    "feed", "POST /posts", "post", 3, (Call("posts", "PutItem", wcu=2, ms=8),), ms=40, account="333344445555"
)
UPLOAD = Path(
    "media",
    "POST /media",
    "upload",
    4,
    (Call("media", "PutItem", wcu=3, ms=9),),
    ms=90,
    account="333344445555",
)
VIEW = Path(
    "media",
    "GET /media/{id}",
    "view",
    16,
    (Call("media", "GetItem", rcu=1, ms=5),),
    ms=8,
    account="333344445555",
)
APPS = (
    Client("ios", 2, (("1.0", -9), ("1.1", 8), ("1.2", 20)), 4),
    Client("android", 3, (("1.0", -9), ("1.1", 12)), 4),
)


def backend(rate: float = 0.25) -> Backend:
    """Return the service with ``rate`` mean requests a second at the beginning."""
    return Backend(
        name="growing",
        cloud="aws",
        weeks=4,
        limits={"media": {"rcu": 1.5}},
        sources=(
            Source(
                "apps",
                rate,
                (FEED, POST, UPLOAD, VIEW),
                consumer(),
                APPS,
                session=6,
                growth=0.008,
                wander=0.15,
                daily=0.06,
            ),
        ),
    )


def incidents() -> tuple[Incident, ...]:
    """Return the growth: from the second day on 4 % a day of one function, 3 % of another."""
    end = 28 * 86400.0
    return (
        Incident(
            "growth 4 % a day",
            86400.0,
            end,
            (Fault("more", Where(function="view"), 86400.0, end, 0.04, grow=True),),
            ("growth", "limit"),
            (("table", "media"), ("function", "view"), ("route", "GET /media/{id}")),
            ("function", "view"),
            expect="digest",
        ),
        Incident(
            "growth 3 % a day",
            3 * 86400.0,
            end,
            (Fault("more", Where(function="post"), 3 * 86400.0, end, 0.03, grow=True),),
            ("growth", "limit"),
            (("table", "posts"), ("function", "post"), ("route", "POST /posts")),
            ("function", "post"),
            expect="digest",
        ),
        Incident(
            "its table nears the limit",
            21 * 86400.0,
            end,
            (),
            ("limit",),
            (("table", "media"),),
            expect="digest",
        ),
    )
