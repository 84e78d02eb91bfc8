from kafka import KafkaAdminClient

from streams.drivers.kafka.connections.client import open_client


def test_the_broker_answers_a_request(kafka: str) -> None:
    with open_client(KafkaAdminClient, bootstrap_servers=kafka) as admin:
        assert isinstance(admin.list_topics(), list)
