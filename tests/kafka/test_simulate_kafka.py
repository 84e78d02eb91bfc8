"""Generated traffic in a topic."""

from kafka import KafkaConsumer, TopicPartition

from streams.drivers.kafka.connections.client import open_client
from streams.offline.simulate.deliver import SimulateOptions, simulate
from streams.offline.simulate.scenario_load import load_scenario
from streams.offline.simulate.simulation import Simulation

START = 1_756_652_400


def test_kafka_has_every_line_stamped_with_its_arrival_and_dealt_in_turn(kafka: str) -> None:
    scenario = load_scenario("quiet")
    until = START + 1800
    count = simulate(
        scenario, f"kafka://{kafka}/simulated?partitions=3", SimulateOptions(between=(None, until))
    )
    (delivery,) = Simulation(scenario).lines(end=until)
    parts = [TopicPartition("simulated", part) for part in range(3)]
    found: dict[int, list[tuple[int, bytes]]] = {0: [], 1: [], 2: []}
    with open_client(KafkaConsumer, bootstrap_servers=kafka, auto_offset_reset="earliest") as consumer:
        consumer.assign(parts)
        while sum(map(len, found.values())) < count:
            records = consumer.poll(60_000)
            assert records
            for part, batch in records.items():
                found[part.partition] += [(record.timestamp, record.value) for record in batch]
    sent = list(zip(delivery.arrivals.tolist(), delivery.lines, strict=True))
    assert found == {part: sent[part::3] for part in range(3)}
