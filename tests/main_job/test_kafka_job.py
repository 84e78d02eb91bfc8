"""The main job by a real broker and real Faust workers: who is paged, and that replay finds the same.

That a file replays as its topic does is a law (tests/laws/test_drivers.py): weeks of it are replayed once.

Slack is a stand-in that refuses what Slack would refuse.
"""

from pathlib import Path

from kafka.admin import NewTopic

from tests.alerting.slack_standin import SlackStandin
from tests.free_port import free_port
from tests.kafka.topic import create, unique
from tests.main_job.job import (
    SCENARIO,
    SPIKE,
    daemon,
    digests_of,
    findings_in,
    hold_to_the_contract,
    hold_to_the_main_job,
    judged_until,
    pages_of,
    read,
    status,
    uneri,
    wait_until,
    write_config,
)


def test_the_kafka_driver_pages_once_and_replay_of_the_topic_finds_the_same(
    kafka: str, slack: SlackStandin, tmp_path: Path
) -> None:
    app, requests, port = unique("job"), unique("requests"), free_port()
    config = write_config(
        tmp_path / "uneri.yaml",
        slack,
        kafka={"brokers": [kafka], "app": app, "requests": requests, "shards": 1},
        web={"listen": f"127.0.0.1:{port}"},
        time={"idle": 3},
    )
    create(kafka, NewTopic(requests, 2, 1, topic_configs={"retention.ms": "-1"}))
    assert uneri("setup", "--config", config).returncode == 0
    loaded = uneri("simulate", SCENARIO, "--to", f"kafka://{kafka}/{requests}")
    assert loaded.returncode == 0, loaded.stderr
    with daemon(config):
        wait_until(lambda: judged_until(port) >= SPIKE + 1200, "the middle of the incident")
    with daemon(config):  # a clean restart
        wait_until(
            lambda: (
                judged_until(port) >= SPIKE + 3300
                and status(port).get("outbox") == 0
                and bool(pages_of(slack.messages) and digests_of(slack.messages))
            ),
            "the end",
        )
    hold_to_the_main_job(slack.messages)
    out = tmp_path / "replayed"
    done = uneri("replay", f"kafka://{kafka}/{requests}", "--config", config, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "\n1 page, " in done.stdout
    hold_to_the_contract(out)
    live = findings_in(kafka, f"{app}-findings")
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
