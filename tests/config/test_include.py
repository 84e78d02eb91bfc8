"""Environments share a file that theirs include; a mistake is reported where it was written."""

from pathlib import Path

import pytest

from config.amend import Amendment, amended
from config.include import MOST_FILES
from config.load import ConfigError, load_settings, read_alone

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(**files: str) -> None:
    for name, text in files.items():
        path = Path(f"{name.replace('__', '/')}.yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def refusal(path: str = "uneri.yaml") -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    return str(caught.value)


BASE = """\
kafka: {brokers: ["a:9092", "b:9092"], replication: 3}
limits:
  tables:
    items: {wcu: 100, rcu: 200}
    users: {wcu: 50}
slack: {channel: "#uneri", digest_channel: "#digest"}
"""


def test_mappings_are_merged_and_everything_else_is_replaced() -> None:
    write(
        base=BASE,
        uneri='include: base.yaml\nkafka: {brokers: ["c:9092"]}\nlimits: {tables: {items: {wcu: 10}}}\n'
        "slack: {digest_channel: null}\n",
    )
    settings = load_settings("uneri.yaml")
    assert settings.kafka is not None
    assert (settings.kafka.brokers, settings.kafka.replication) == (["c:9092"], 3)
    tables = settings.limits.tables
    assert (tables["items"].wcu, tables["items"].rcu, tables["users"].wcu) == (10, 200, 50)
    assert (settings.slack.channel, settings.slack.digest_channel) == ("#uneri", None)


def test_the_later_of_two_files_wins_and_the_file_itself_over_both() -> None:
    write(
        one="judge: {weeks: 2, persist: 3, recover: 7}",
        two="judge: {persist: 4, recover: 8}",
        uneri="include: [one.yaml, two.yaml]\njudge: {recover: 9}",
    )
    judge = load_settings("uneri.yaml").judge
    assert (judge.weeks, judge.persist, judge.recover) == (2, 4, 9)


def test_names_are_relative_to_the_file_that_includes_and_files_may_include_others() -> None:
    write(
        shared__base="include: limits/tables.yaml\ntime: {idle: 40}",
        shared__limits__tables="limits: {tables: {items: {wcu: 5}}}",
        production__uneri="include: ../shared/base.yaml",
    )
    settings = load_settings("production/uneri.yaml")
    assert (settings.time.idle, settings.limits.tables["items"].wcu) == (40, 5)


def test_an_empty_section_keeps_what_is_included_and_null_removes_it() -> None:
    write(
        base=BASE, kept="include: base.yaml\nkafka:\n", removed="include: base.yaml\nkafka: null\n", none=""
    )
    assert load_settings("kept.yaml").kafka == load_settings("base.yaml").kafka
    assert load_settings("removed.yaml").kafka is None
    write(uneri="include: [none.yaml, base.yaml, none.yaml]\n")
    assert load_settings("uneri.yaml") == load_settings("base.yaml")


def test_every_mistake_is_reported_with_file_line_and_column_where_it_was_written() -> None:
    write(
        shared__base="time:\n  stpe: 30\njudge: {persist: 900}\ndigest: {at: '25:00'}\n",
        uneri="include:\n  - shared/base.yaml\ndigest:\n  at: 09:00\n  timezone: Asia/Tokio\n"
        "judge:\n  weeks: 0\n",
    )
    places = [line.partition(": ")[0] for line in refusal().splitlines()]
    assert places == ["uneri.yaml:5:13", "uneri.yaml:7:10", "shared/base.yaml:2:3", "shared/base.yaml:3:18"]


def test_the_mistakes_of_all_files_are_listed_when_one_of_them_cannot_be_read() -> None:
    write(
        twice="judge: {weeks: 2}\njudge: {weeks: 3}\n",
        broken="time: {step:\n",
        uneri="include: [broken.yaml, none.yaml, twice.yaml]\njudge:\n  weeks: 4\n  weeks: 5\n",
    )
    places = [line.partition(": ")[0] for line in refusal().splitlines()]
    assert places == ["uneri.yaml:1:24", "uneri.yaml:4:3", "broken.yaml:2:1", "twice.yaml:2:1"]


def test_what_no_setting_alone_shows_is_reported_at_the_value_that_contradicts() -> None:
    write(
        base="notify:\n  webhooks: [{name: pager, url: 'https://pager.example'}]\n",
        uneri="include: base.yaml\nnotify:\n  routes:\n    - to: ['webhook:papger']\n",
    )
    assert refusal().startswith("uneri.yaml:4:12: notify.routes.0.to.0 is 'webhook:papger': not configured")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "include: none.yaml",
            "uneri.yaml:1:10: include: none.yaml cannot be read: No such file or directory; ",
        ),
        ("include: [base.yaml, 3]", "uneri.yaml:1:22: include: not the name of a file; write the name"),
        ("include:", "uneri.yaml:1:9: include: not the name of a file; write the name of a file"),
        ("include: ''", "uneri.yaml:1:10: include: names nothing; write . for the current folder"),
        ("include: .", "uneri.yaml:1:10: include: . cannot be read: Is a directory; correct the name"),
        ("include: uneri.yaml", "uneri.yaml:1:10: include: uneri.yaml includes itself; remove the line"),
        ("include: round.yaml", "round.yaml:2:10: include: uneri.yaml includes itself; remove the line"),
        ("include: broken.yaml", "broken.yaml:2:4: not valid YAML: "),
        ("include: list.yaml", "list.yaml:1:1: the file holds no keys and values; begin with a section"),
        ("include: latin.yaml", "latin.yaml:1:3: is not UTF-8 text; save it as UTF-8"),
        ("include: base.yaml\ninclude: base.yaml", "uneri.yaml:2:1: key 'include' is already on line 1"),
        ("includes: base.yaml", "uneri.yaml:1:1: unknown key 'includes'; did you mean 'include'?"),
        ("time: {include: base.yaml}", "uneri.yaml:1:8: unknown key 'include' in time"),
        ("- include: base.yaml", "uneri.yaml:1:1: the file holds a list, not keys and values"),
    ],
)
def test_what_cannot_be_included_is_one_clear_line(text: str, expected: str) -> None:
    write(
        base=BASE, round="# back\ninclude: uneri.yaml\n", broken="time: {step:\n  [", list="- 1\n", uneri=text
    )
    Path("latin.yaml").write_bytes("# äö".encode("latin-1"))
    found = refusal()
    assert "\n" not in found
    assert found.startswith(expected)


def test_files_that_include_each_other_without_end_are_refused() -> None:
    for number in range(MOST_FILES + 2):
        Path(f"f{number}.yaml").write_text(f"include: f{number + 1}.yaml\n", encoding="utf-8")
    assert f"f{MOST_FILES}.yaml:1:10: include: more than {MOST_FILES} files; include fewer" in refusal(
        "f0.yaml"
    )


def test_a_change_to_what_is_included_goes_into_the_file_itself_and_holds_in_any_folder(folder: Path) -> None:
    write(
        shared__base="judge: {persist: 3, weeks: 2}",
        production__uneri="include: [../shared/base.yaml]  # ours\ntime: {idle: 40}\n",
    )
    text = amended(read_alone(Path("production/uneri.yaml")), {"judge.persist": Amendment(5, "fewer pages")})
    assert text.startswith(f'include: ["{folder}/production/../shared/base.yaml"]  # ours\n')
    write(elsewhere__proposed=text)
    proposed = load_settings("elsewhere/proposed.yaml")
    assert (proposed.judge.persist, proposed.judge.weeks, proposed.time.idle) == (5, 2, 40)
