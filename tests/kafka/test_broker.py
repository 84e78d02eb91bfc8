from kafka import KafkaAdminClient


def test_the_broker_answers_a_request(kafka: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        assert isinstance(admin.list_topics(), list)
    finally:
        admin.close()
