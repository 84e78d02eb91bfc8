"""A small backend over days, with incidents of several kinds all along, and the labels of them."""

from alerting.commands.labels import Label, LabelKind
from config.settings import JudgeSettings, Settings, TimeSettings
from streams.offline.simulate.scenario import Scenario
from streams.offline.simulate.simulation import Simulation

DAY = 86400
STEP = 300
SETTINGS = Settings(time=TimeSettings(step=STEP), judge=JudgeSettings(young=DAY))

_KINDS: tuple[dict[str, object], ...] = (
    {"kind": "outage", "share": 0.12},
    {"kind": "hammer", "function": "put-item", "table": "items", "times": 3},
    {"kind": "spike", "times": 2.2},
    {"kind": "slow", "table": "items", "times": 4},
    {"kind": "drop", "times": 0.35},
    {"kind": "bad_client", "client": "ios", "share": 0.15},
)


def scenario(days: int, seed: int, every: float = 0.35) -> Scenario:
    """Return a backend with an incident of an hour every ``every`` days, of each kind in turn."""
    incidents = []
    at, number = 1.4, 0
    while at < days - 0.1:
        begin = round(at * DAY / STEP) * STEP
        incidents.append({"at": begin, "for": 3600, **_KINDS[number % len(_KINDS)]})
        at, number = at + every, number + 1
    return Scenario.model_validate(
        {
            "start": "2025-09-01T00:00:00Z",
            "length": days * DAY,
            "seed": seed,
            "daily": {"peak": "20:00", "depth": 0.4},
            "noise": {"drift": 0.03, "hours": 8},
            "accounts": {"shop": {"account": "1", "region": "eu-west-1"}},
            "clients": {"ios": {"versions": {"1": 1}}},
            "functions": {
                "get-items": {"calls": [{"table": "items", "op": "Query", "rcu": 3, "ms": 8}]},
                "put-item": {"calls": [{"table": "items", "op": "UpdateItem", "wcu": 2, "ms": 7}]},
            },
            "services": {
                "shop": {
                    "account": "shop",
                    "routes": {
                        "GET /items": {"function": "get-items", "rate": 0.2},
                        "POST /items": {"function": "put-item", "rate": 0.1},
                    },
                }
            },
            "incidents": incidents,
        }
    )


def labels_of(simulation: Simulation) -> list[Label]:
    """Return the incidents of a simulation that should be reported, as labels."""
    found = []
    for made in simulation.labels():
        if made["verdict"] is None:
            continue
        about = next((f"{kind}:{made[kind]}" for kind in ("table", "function", "client") if made[kind]), "")
        start, end, verdict = made["start"], made["end"], made["verdict"]
        assert isinstance(start, int)
        assert isinstance(end, int)
        assert isinstance(verdict, str)
        found.append(Label(kind=LabelKind.INCIDENT, start=start, end=end, scope=about, verdict=verdict))
    return found
