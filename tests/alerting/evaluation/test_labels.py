import csv
import json
from pathlib import Path

import pytest
from hypothesis import given as having
from hypothesis import strategies as st

from alerting.commands.command import Command, CommandKind
from alerting.commands.labels import Label, LabelKind
from alerting.evaluation.labels_file import (
    LabelsError,
    Wrong,
    labels_to_csv,
    labels_to_jsonl,
    labels_to_yaml,
    load_labels,
    read_labels,
)
from tests.alerting.given import T0, incident

YAML = """\
# what we know of January
- start: 2026-01-31T08:00:00Z
  end: 2026-01-31T09:30:00+00:00
  scope: table:items
  kind: spike
- {start: 1760000000, kind: not_an_anomaly, account: 123456789012, note: "load test: ours"}
"""
CSV = """\
start,end,scope,kind,note
2026-01-31T08:00:00Z,2026-01-31T09:30:00Z,table:items,spike,
1760000000,,,expected,"a, b"

"""


def press(ask: CommandKind) -> Command:
    return Command(id="1", kind=ask, at=T0 + 90, by="U1", incident="i", why="a load test")


def test_a_press_makes_a_label_of_what_the_incident_is_about() -> None:
    reported = incident()
    label = Label.of(press(CommandKind.EXPECTED), reported)
    assert label == Label(
        kind=LabelKind.EXPECTED,
        start=reported.start,
        end=None,
        scope="table:items",
        account="123456789012",
        measure="wcu",
        verdict="spike",
        incident=reported.id,
        by="U1",
        at=T0 + 90,
        note="a load test",
    )
    assert Label.of(press(CommandKind.NOT_AN_ANOMALY), reported) is not None
    assert Label.of(press(CommandKind.SNOOZE), reported) is None, "a snooze says nothing about what happened"


def test_known_incidents_are_read_from_yaml_and_csv() -> None:
    first, second = read_labels(YAML, "known.yaml")
    assert (first.kind, first.verdict, first.scope) == (LabelKind.INCIDENT, "spike", "table:items")
    assert (first.start, first.end) == (1_769_846_400, 1_769_851_800)
    assert (second.kind, second.account, second.end) == (LabelKind.NOT_AN_ANOMALY, "123456789012", None)
    assert read_labels(CSV, "known.CSV")[0] == first
    assert read_labels(CSV, "known.csv")[1].note == "a, b"
    assert read_labels(f"labels:\n{YAML}", "known.yaml") == [first, second]
    assert read_labels("", "known.yaml") == read_labels("start,kind\n", "known.csv") == []


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "a.yaml",
            "- {start: 1, kind: spike}\n- {start: 1, kind: spke}\n",
            "a.yaml:2: kind is 'spke'; write one of",
        ),
        ("a.yaml", "- {start: 1}\n", "a.yaml:1: no kind; write one of"),
        ("a.yaml", "- {kind: spike}\n", "a.yaml:1: no start; write 2026"),
        (
            "a.yaml",
            "- {start: soon, kind: spike}\n",
            "a.yaml:1: start is 'soon', not a valid date or time; write 2026",
        ),
        ("a.yaml", "- {start: yes, kind: spike}\n", "a.yaml:1: start is True, not a valid date or time"),
        (
            "a.yaml",
            "- {start: 20250902, kind: spike}\n",
            "a.yaml:1: start is 20250902, which as epoch seconds lies in 1970; write 2025-09-02",
        ),
        ("a.csv", "start,kind,end\n5,spike,20250902\n", "a.csv:2: end is 20250902, which as epoch seconds"),
        ("a.jsonl", '{"start": 20250902, "kind": "spike"}\n', "a.jsonl:1: start is 20250902, which as epoch"),
        ("a.yaml", "- {start: 5, end: 3, kind: spike}\n", "a.yaml:1: end is before start"),
        (
            "a.yaml",
            "- {start: 5, kind: drop, verdict: spike}\n",
            "a.yaml:1: kind is drop and verdict is spike",
        ),
        ("a.yaml", "- {start: 5, kind: drop, scope: items}\n", "a.yaml:1: scope is 'items'; write kind:name"),
        ("a.yaml", "- {start: 5, kind: drop, measure: wcus}\n", "a.yaml:1: measure is 'wcus'; write one of"),
        ("a.yaml", "- {start: 5, kind: drop, note: [a]}\n", "a.yaml:1: note is ['a']; write text"),
        ("a.yaml", "- {strat: 5, start: 5, kind: drop}\n", "a.yaml:1: unknown key 'strat'; the keys are"),
        ("a.yaml", "start: 5\n", "a.yaml:1: not a list of labels"),
        ("a.yaml", "- 5\n", "a.yaml:1: not a label; write its keys"),
        ("a.yaml", "- {start: 5\n", "not valid YAML"),
        ("a.csv", "", "a.csv:1: no column 'kind'"),
        ("a.csv", "start,kind,start\n1,spike,2\n", "a.csv:1: two columns 'start'; keep one"),
        ("a.jsonl", '{"start": 1, "kind": "drop", "start": 2}\n', "a.jsonl:1: two keys 'start'; keep one"),
        ("a.csv", "start,knd\n", "a.csv:1: unknown column 'knd'; the columns are"),
        ("a.csv", "start,kind\n1,spike\n\n1,2,3\n", "a.csv:4: 3 values for 2 columns"),
        ("a.csv", 'start,kind\n1,"spi\n', "not CSV"),
        ("a.jsonl", '{"start": 1, "kind": "spike"}\n{"start"\n', "a.jsonl:2: not JSON: "),
        ("a.jsonl", "5\n", "a.jsonl:1: not a label; write an object"),
        ("a.jsonl", '{"start": 1}\n', "a.jsonl:1: no kind; write one of"),
        ("a.csv", "start,kind\nnan,spike\n", "a.csv:2: start is 'nan', not a valid date or time"),
    ],
)
def test_what_is_wrong_is_said_by_file_and_line(name: str, text: str, said: str) -> None:
    with pytest.raises(LabelsError) as error:
        read_labels(text, name)
    assert said in str(error.value)
    assert all(line.startswith(f"{name}:") for line in str(error.value).splitlines())


JSON = """\
{"start": "2026-01-31T08:00:00Z", "end": 1769851800, "scope": "table:items", "kind": "spike"}

{"start": 5, "kind": "expected", "account": 123456789012}
"""


def test_known_incidents_are_read_from_json_lines() -> None:
    first, second = read_labels(JSON, "known.jsonl")
    assert first == read_labels(CSV, "known.csv")[0]
    assert (second.kind, second.account) == (LabelKind.EXPECTED, "123456789012")


def test_what_a_simulation_made_happen_is_labels_too() -> None:
    made = {
        "start": 100,
        "end": 200,
        "kind": "hammer",
        "verdict": "spike",
        "measure": "wcu",
        "account": "1",
        "table": "items",
        "service": None,
        "route": None,
        "function": "put",
        "client": "ios",
        "version": "3.2.1",
    }
    late = made | {"kind": "late", "verdict": None, "measure": None, "account": None, "table": None}
    nobody = dict.fromkeys(("function", "client", "version"))
    lines = [made, made | {"function": None, "table": None}, late | nobody]
    hammer, other, nothing = read_labels("".join(json.dumps(line) + "\n" for line in lines), "truth.jsonl")
    assert hammer == Label(
        kind=LabelKind.INCIDENT,
        verdict="spike",
        start=100,
        end=200,
        scope="function:put",
        account="1",
        note="hammer, client ios 3.2.1, table items, function put",
    )
    assert other.scope == "client:ios 3.2.1"
    assert nothing == Label(kind=LabelKind.NOT_AN_ANOMALY, start=100, end=200, note="late")


def test_seconds_that_read_as_no_date_are_seconds() -> None:
    for start in (20251301, 20250229, 19690101, 99991231, 1_760_000_000):
        assert read_labels(f"- {{start: {start}, kind: spike}}\n", "a.yaml")[0].start == start


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(LabelsError) as error:
        read_labels("- {start: x, kind: y}\n- {start: 1, kind: drop}\n- {}\n", "a.yaml")
    assert [wrong.line for wrong in error.value.wrong] == [1, 1, 3, 3]


def test_of_very_many_mistakes_the_first_are_named_and_the_others_counted() -> None:
    with pytest.raises(LabelsError) as error:
        read_labels("start,kind\n" + "x,spike\n" * 2000, "a.csv")
    reported = str(error.value).splitlines()
    assert (len(reported), reported[-1]) == (21, "a.csv: and 1,980 more")


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match=r"none.yaml:1: cannot be read: No such file"):
        load_labels(tmp_path / "none.yaml")
    (tmp_path / "latin.csv").write_bytes(b"start,kind\n1,sp\xefke\n")
    with pytest.raises(LabelsError, match=r"latin.csv:2: is not UTF-8"):
        load_labels(tmp_path / "latin.csv")
    (tmp_path / "good.csv").write_text(CSV)
    assert len(load_labels(tmp_path / "good.csv")) == 2


NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=12
)
LABELS = st.builds(
    Label,
    kind=st.sampled_from(LabelKind),
    start=st.integers(0, 1_000_000),
    end=st.none() | st.integers(100_000_000, 2_000_000_000),
    scope=st.just("") | NAMES.map("table:{}".format),
    account=st.just("") | NAMES,
    measure=st.sampled_from(["", "wcu", "value:sales"]),
    verdict=st.sampled_from(["", "spike", "drop"]),
    incident=st.just("") | NAMES,
    by=st.just("") | NAMES,
    at=st.none() | st.integers(100_000_000, 2_000_000_000),
    note=st.just("") | NAMES,
)


@having(st.lists(LABELS, max_size=4))
def test_what_is_written_is_read_again(labels: list[Label]) -> None:
    assert read_labels(labels_to_yaml(labels), "a.yaml") == labels
    assert read_labels(labels_to_csv(labels), "a.csv") == labels
    assert read_labels(labels_to_jsonl(labels), "a.jsonl") == labels


@pytest.mark.parametrize("text", ["=1+1", "'=1+1", "''-1", "＝1", "@a", "'quoted'", "+"])
def test_no_text_of_a_label_is_a_formula_in_csv_and_each_is_read_back(text: str) -> None:
    label = Label(kind=LabelKind.EXPECTED, start=100, account=text, note=text)
    written = labels_to_csv([label])
    assert not any(cell.startswith(tuple("=+-@＝")) for cell in next(csv.reader([written.splitlines()[1]])))
    assert read_labels(written, "a.csv") == [label]


@having(st.text(max_size=60))
def test_any_text_is_labels_or_an_error_by_line(text: str) -> None:
    for name in ("a.yaml", "a.csv", "a.jsonl"):
        wrong: tuple[Wrong, ...] = ()
        try:
            read_labels(text, name)
        except LabelsError as error:
            wrong = error.wrong
        assert all(line >= 1 for line, _ in wrong)


def test_labels_from_a_device_without_an_end_are_refused() -> None:
    with pytest.raises(LabelsError, match="/dev/zero:1: larger than 64 MiB; check that"):
        load_labels("/dev/zero")
