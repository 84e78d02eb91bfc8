"""The writer for a target of generated events."""

from typing import Final
from urllib.parse import parse_qs, urlsplit

from config.settings import KafkaSettings
from streams.offline.simulate.event_writer import EventWriter, FileWriter, HttpWriter, WriteError

TOPIC_PARTITIONS: Final = 4


def open_writer(to: str, kafka: KafkaSettings | None = None) -> EventWriter:
    """Return the writer for a target.

    Parameters
    ----------
    to : str
        A path (compressed if it ends with ``.gz`` or ``.zst``), ``-`` for standard output,
        ``http://host:port/events``, or ``kafka://host:port/topic`` (created if missing, with
        ``?partitions=4``).
    kafka : KafkaSettings, optional
        How to connect to Kafka, apart from the address.

    Raises
    ------
    WriteError
        The target is none of these. It is opened when the context is entered.
    """
    if "://" not in to:
        return FileWriter(to)
    parts = urlsplit(to)
    try:
        port = parts.port
    except ValueError:
        raise WriteError(f"{to}: not a valid port; write {parts.scheme}://host:port/…") from None
    if not parts.hostname:
        raise WriteError(f"{to}: no host; write http://host:port/events or kafka://host:port/topic")
    if parts.scheme in {"http", "https"}:
        return HttpWriter(parts)
    topic = parts.path.strip("/")
    if parts.scheme == "kafka" and port and topic and "/" not in topic:
        partitions = parse_qs(parts.query).get("partitions", [str(TOPIC_PARTITIONS)])[-1]
        if not partitions.isdigit() or not int(partitions):
            raise WriteError(f"{to}: partitions is {partitions!r}; write a number such as ?partitions=4")
        from streams.offline.simulate.kafka_writer import KafkaWriter

        at = {"brokers": [parts.netloc.rpartition("@")[2]]}
        return KafkaWriter((kafka or KafkaSettings()).model_copy(update=at), topic, int(partitions))
    raise WriteError(
        f"{to}: not a valid target; write a file, -, http://host:port/events or kafka://host:port/topic"
    )
