"""The findings of a scenario, parsed from its statements."""

from typing import Any, Final

from msgspec.structs import replace

from detectors.model.finding import Finding, Growth, Share, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import KINDS, Scope
from tests.alerting.given import ACCOUNT, finding

BEGAN: Final = 120  # seconds before it is reported: a deviation must last two steps
_VERDICTS: Final = {verdict.value: verdict for verdict in Verdict}
_MEASURES: Final = {measure.value: measure for measure in Measure}
_WORDS: Final = {
    "expected",
    "callers",
    "touches",
    "account",
    "limit",
    "score",
    "days",
    "near",
    "error",
    "as",
    "throttled",
}


class Findings:
    """The findings of a scenario, by the key that it gives them."""

    def __init__(self) -> None:
        self._newest: dict[str, Finding] = {}
        self._count = 0

    def parse(self, words: list[str], at: int) -> list[Finding]:
        """Return the findings of a statement, given by its words after ``finding``.

        Raises
        ------
        ValueError
            When they cannot be parsed.
        """
        if not words:
            raise ValueError("no finding is given")
        if words[0] in self._newest and words[0] not in _VERDICTS:
            return [self._again(words[0], words[1:], at)]
        count = 1
        if words[0][:1] == "x" and words[0][1:].isdigit():
            count, words = int(words[0][1:]), words[1:]
        return [self._new([word.replace("{n}", str(n)) for word in words], at) for n in range(1, count + 1)]

    def _new(self, words: list[str], at: int) -> Finding:
        shape = "finding VERDICT KIND NAME MEASURE VALUE"
        if len(words) < 5:
            raise ValueError(f"write it like: {shape}; known are {', '.join(self._newest) or 'none'}")
        verdict, kind, name, measure, value = words[:5]
        given = _given(words[5:])
        account = given.get("account", [ACCOUNT])[0]
        about = Scope(_one(kind, KINDS, "kind"), "aws", account, "ap-northeast-1", name)
        self._count += 1
        expected = float(given.get("expected", ["8.2"])[0])
        reported = finding(
            about,
            identity=f"f{self._count}",
            verdict=_VERDICTS[_one(verdict, _VERDICTS, "verdict")],
            measure=_MEASURES[_one(measure, _MEASURES, "measure")],
            observed=float(value),
            expected=expected,
            lower=0.8 * expected,
            upper=1.2 * expected,
            start=at - BEGAN,
            seen=at,
            sentence=f"{measure} of {kind} {name} is {value}, {expected:g} expected.",
            **_evidence(given, account),
        )
        self._newest[given.get("as", [name])[0]] = reported
        return reported

    def _again(self, key: str, words: list[str], at: int) -> Finding:
        former = self._newest[key]
        changes: dict[str, Any] = {"state": "update", "end": None}
        left = list(words)
        while left:
            match left.pop(0):
                case "end":
                    changes |= {"state": "end", "end": at}
                case "withdrawn":
                    changes |= {"state": "withdrawn", "end": at}
                case "now":
                    changes["observed"] = float(left.pop(0))
                case "becomes":
                    changes["verdict"] = _VERDICTS[_one(left.pop(0), _VERDICTS, "verdict")]
                case "near":
                    changes["near"] = True
                case "callers":
                    changes["callers"] = _shares(left, former.about.account)
                    left = []
                case "touches":
                    changes["touches"] = _touched(left, former.about.account)
                    left = []
                case other:
                    known = "now, end, withdrawn, becomes, near, callers, touches"
                    raise ValueError(f"{other!r} is not one of {known}")
        reported = replace(former, revision=former.revision + 1, seen=at, **changes)
        self._newest[key] = reported
        return reported


def _one(word: str, known: Any, what: str) -> str:
    if word not in known:
        raise ValueError(f"{word!r} is not a {what}; known: {', '.join(known)}")
    return word


def _given(words: list[str]) -> dict[str, list[str]]:
    given: dict[str, list[str]] = {}
    for word in words:
        if word in _WORDS:
            current = given.setdefault(word, [])
        elif not given:
            raise ValueError(f"{word!r} is not one of {', '.join(sorted(_WORDS))}")
        else:
            current.append(word)
    return given


def _touched(words: list[str], account: str) -> list[Scope]:
    return [
        Scope(_one(kind, KINDS, "kind"), "aws", account, "ap-northeast-1", name)
        for kind, _, name in (word.partition(":") for word in words)
    ]


def _evidence(given: dict[str, list[str]], account: str) -> dict[str, Any]:
    evidence: dict[str, Any] = {
        "callers": _shares(given.get("callers", []), account),
        "touches": _touched(given.get("touches", []), account),
        "near": "near" in given,
    }
    for word in ("limit", "score"):
        if word in given:
            evidence[word] = float(given[word][0])
    if "throttled" in given:
        evidence["throttle_reasons"] = {given["throttled"][0]: 3.0}
    if "error" in given:
        evidence |= {"error_type": given["error"][0], "times": 3}
    if "days" in given:
        days = float(given["days"][0])
        evidence["growth"] = Growth(
            per_day=0.03,
            per_day_lower=0.02,
            per_day_upper=0.04,
            days=21,
            days_to_limit=days,
            days_to_limit_lower=0.75 * days,
            days_to_limit_upper=1.5 * days,
        )
    return evidence


def _shares(words: list[str], account: str) -> list[Share]:
    if len(words) % 2:
        raise ValueError("callers are NAME SHARE NAME SHARE …")
    return [
        Share(
            scope=Scope(*_kind(name), "aws", account, "ap-northeast-1", name.rpartition(":")[2]),
            share=float(share),
            more_calls=float(share),
            more_per_call=0.0,
            observed=36.0 * float(share),
            expected=4.0,
        )
        for name, share in zip(words[::2], words[1::2], strict=True)
    ]


def _kind(name: str) -> tuple[str]:
    return (name.partition(":")[0],) if ":" in name else ("function",)
