"""A game on Google Cloud: two regions, two accounts, evening traffic."""

from dataclasses import replace

from backends.backend import HOUR, Backend, Call, Client, Clock, Path, Source
from backends.faults import Incident, Struck, Where, incident
from backends.shapes import consumer, hours_after

US = {"account": "game-prod-us", "region": "us-central1"}
EU = {"account": "game-prod-eu", "region": "europe-west1"}


def _paths(place: dict[str, str], tag: str) -> tuple[Path, ...]:
    return (
        Path(
            "play",
            "POST /move",
            f"move{tag}",
            40,
            (Call("matches", "update", wcu=1, ms=8), Call("players", "get", rcu=1, ms=5)),
            ms=14,
            **place,
        ),
        Path(
            "play",
            "GET /match/{id}",
            f"match-get{tag}",
            25,
            (Call("matches", "get", rcu=1, ms=5),),
            ms=9,
            **place,
        ),
        Path(
            "play",
            "POST /match",
            f"match-create{tag}",
            3,
            (Call("matches", "set", wcu=2, ms=9), Call("players", "update", wcu=1, ms=7)),
            ms=30,
            **place,
        ),
        Path(
            "social",
            "GET /friends",
            f"friends{tag}",
            8,
            (Call("players", "runQuery", rcu=14, ms=20),),
            ms=25,
            user_errors=0.03,
            **place,
        ),
        Path(
            "social",
            "GET /leaderboard",
            f"leaderboard{tag}",
            4,
            (Call("scores", "runQuery", rcu=40, ms=35),),
            ms=30,
            **place,
        ),
        Path(
            "store",
            "POST /purchase",
            f"purchase{tag}",
            0.8,
            (Call("purchases", "create", wcu=2, ms=12),),
            ms=150,
            backend_errors=0.006,
            **place,
        ),
    )


PATHS_US, PATHS_EU = _paths(US, "-us"), _paths(EU, "-eu")
APPS = (
    Client("ios", 5, (("8.0", -20), ("8.1", 5), ("8.2", 17), ("8.3", 23)), 4),
    Client("android", 6, (("8.0", -20), ("8.1", 7), ("8.2", 19)), 5),
)
PAYOUT = Path("social", "", "rank-us", 0, (Call("scores", "commit", wcu=10, ms=40),), ms=400, **US)
NEW_IOS, BAD = "ios 8.3", "android 8.2"


def backend(rate: float = 0.35) -> Backend:
    """Return the game with ``rate`` mean requests a second in each region."""
    us = Source(
        "us", rate, PATHS_US, consumer(0.2, 1.3, shift=-6), APPS, session=20, pause=6, wander=0.2, daily=0.07
    )
    return Backend(
        name="game",
        cloud="gcp",
        weeks=4,
        sources=(
            us,
            replace(us, name="eu", rate=0.7 * rate, paths=PATHS_EU, shape=consumer(0.2, 1.3, shift=1)),
        ),
        clocks=(Clock("rank", PAYOUT, HOUR, 0, 25, 60),),
    )


def incidents() -> tuple[Incident, ...]:
    """One week of trouble in one region or the other."""
    found: list[Incident] = []

    def add(kind: str, day: float, hour: float, minutes: float, faults: list[Struck], **more: object) -> None:
        found.append(incident(kind, hours_after(day, hour), minutes, faults, **more))

    us, eu = US["account"], EU["account"]
    add(
        "client retry storm x6, 40 min",
        21,
        18.0,
        40,
        [
            ("more", Where(function="friends-eu", client=BAD), 12, {}),
            ("fail", Where(function="friends-eu", client=BAD), 0.5, {}),
        ],
        verdicts=("spike",),
        scopes=(("table", "players"), ("function", "friends-eu"), ("route", "GET /friends")),
        caller=("function", "friends-eu"),
        suspect=BAD,
        extra={"account": eu},
    )
    add(
        "more calls x5, 1 h",
        22,
        2.0,
        60,
        [("more", Where(function="leaderboard-us"), 5, {})],
        verdicts=("spike",),
        scopes=(("table", "scores"),),
        caller=("function", "leaderboard-us"),
        extra={"account": us},
    )
    add(
        "account outage, 15 min",
        22,
        19.0,
        15,
        [("fewer", Where(account=eu), 0.0, {})],
        verdicts=("drop", "absence"),
        scopes=(
            ("account", eu),
            ("service", "play"),
            ("table", "matches"),
            ("table", "players"),
            ("function", "move-eu"),
            ("function", "match-get-eu"),
        ),
        extra={"account": eu},
    )
    add(
        "slow table x10, 40 min",
        23,
        3.0,
        40,
        [("slow table", Where(account=us, table="matches"), 10, {})],
        verdicts=("spike",),
        scopes=(("table", "matches"),),
        extra={"account": us},
    )
    add(
        "contention, 15 min",
        23,
        20.0,
        15,
        [("throttle", Where(account=eu, table="matches"), 0.3, {"text": "ABORTED: too much contention"})],
        verdicts=("spike",),
        scopes=(("table", "matches"),),
        extra={"account": eu},
    )
    add(
        "new exception 4 %, 1 h",
        24,
        1.0,
        60,
        [("crash", Where(function="move-us"), 0.04, {"text": "TypeError: board"})],
        verdicts=("fatal", "spike"),
        scopes=(("function", "move-us"), ("route", "POST /move")),
        extra={"account": us},
    )
    add(
        "dear calls x4, 2 h",
        24,
        18.0,
        120,
        [("dear", Where(function="friends-eu", table="players"), 4, {})],
        verdicts=("spike", "shift"),
        scopes=(("table", "players"),),
        caller=("function", "friends-eu"),
        extra={"account": eu},
    )
    add(
        "5xx 8 % after deploy, 30 min",
        25,
        2.0,
        30,
        [("fail", Where(function="match-get-us"), 0.08, {})],
        verdicts=("spike",),
        scopes=(("function", "match-get-us"), ("route", "GET /match/{id}")),
        extra={"account": us},
    )
    add(
        "purchases unreachable, 2 h",
        25,
        18.0,
        120,
        [("fewer", Where(function="purchase-eu"), 0.0, {})],
        verdicts=("drop", "absence"),
        scopes=(("function", "purchase-eu"), ("route", "POST /purchase"), ("table", "purchases")),
        extra={"account": eu},
        small=True,
    )
    add(
        "calls fall to a third, 1 h",
        26,
        2.5,
        60,
        [("fewer", Where(function="move-us"), 0.3, {})],
        verdicts=("drop",),
        scopes=(("function", "move-us"), ("route", "POST /move"), ("table", "matches"), ("table", "players")),
        extra={"account": us},
    )
    add(
        "hot writer x20, 5 min",
        26,
        19.0,
        5,
        [("more", Where(function="match-create-eu"), 20, {})],
        verdicts=("spike",),
        scopes=(("table", "matches"), ("table", "players")),
        caller=("function", "match-create-eu"),
        extra={"account": eu},
    )
    return tuple(found)
