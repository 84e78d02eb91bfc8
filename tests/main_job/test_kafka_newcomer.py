"""From a topic that reaches back weeks to the first true page, in real time: a real broker and Faust."""

from pathlib import Path

from kafka.admin import NewTopic

from tests.alerting.slack_standin import SlackStandin
from tests.free_port import free_port
from tests.kafka.topic import create, unique
from tests.main_job.job import daemon, status, uneri, wait_until, write_config
from tests.main_job.newcomer import Newcomer


def test_who_has_history_in_the_topic_is_paged_minutes_after_the_install(
    kafka: str, slack: SlackStandin, tmp_path: Path
) -> None:
    newcomer, requests, port = Newcomer(), unique("requests"), free_port()
    config = write_config(
        tmp_path / "uneri.yaml",
        slack,
        kafka={"brokers": [kafka], "app": unique("newcomer"), "requests": requests, "shards": 1},
        web={"listen": f"127.0.0.1:{port}"},
        notify={},
    )
    create(kafka, NewTopic(requests, 1, 1, topic_configs={"retention.ms": "-1"}))
    topic = f"kafka://{kafka}/{requests}"
    newcomer.write_history(topic)
    assert uneri("setup", "--config", config).returncode == 0
    with daemon(config):
        wait_until(lambda: "learning" in status(port), "the lesson")
        newcomer.hammers_until_paged(slack, topic, port)
        assert "learning" not in status(port)
