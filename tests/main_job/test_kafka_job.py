"""The main job by a real broker and real Faust workers: who is paged, and that replay finds the same.

That a file replays as its topic does is a law (tests/laws/test_drivers.py): weeks of it are replayed once.

Slack is a stand-in that refuses what Slack would refuse.
"""

from pathlib import Path

from tests.alerting.slack_standin import SlackStandin
from tests.main_job.job import (
    SCENARIO,
    SPIKE,
    Program,
    digests_of,
    findings_in,
    hold_to_the_contract,
    hold_to_the_main_job,
    pages_of,
    read,
    wait_until,
)


def test_the_kafka_driver_pages_once_and_replay_of_the_topic_finds_the_same(
    kafka: str, slack: SlackStandin, tmp_path: Path
) -> None:
    program = Program(tmp_path, slack, kafka, partitions=2, time={"idle": 3})
    program.simulate(SCENARIO)
    with program.running():
        wait_until(lambda: program.judged_until() >= SPIKE + 1200, "the middle of the incident")
    with program.running():  # a clean restart
        wait_until(
            lambda: (
                program.judged_until() >= SPIKE + 3300
                and program.delivered()
                and bool(pages_of(slack.messages) and digests_of(slack.messages))
            ),
            "the end",
        )
    hold_to_the_main_job(slack.messages)
    out = tmp_path / "replayed"
    assert "\n1 page, " in program.command("replay", program.to, "--out", out)
    hold_to_the_contract(out)
    live = findings_in(kafka, f"{program.app}-findings")
    found = {finding["id"]: finding for finding in read(out, "findings.jsonl")}
    assert found.keys() == live.keys()
    for finding in live.values():
        same = found[finding.id]
        assert (same["verdict"], same["start"], same["end"]) == (finding.verdict, finding.start, finding.end)
        assert (same["observed"], same["expected"], same["score"]) == (
            finding.observed,
            finding.expected,
            finding.score,
        )
        # what explains a finding is known where findings meet, which is behind the topic
        assert same["sentence"].startswith(finding.sentence.removesuffix("."))
        assert bool(same["causes"]) == (same["sentence"] != finding.sentence)
