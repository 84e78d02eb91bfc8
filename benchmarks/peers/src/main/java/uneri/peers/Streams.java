package uneri.peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.streams.AutoOffsetReset;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.TimestampExtractor;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.Record;

/** Kafka Streams: a processor over a hash map in one thread; no repartition topic, no store. */
final class Streams {
    private Streams() {}

    static Totals pass(String broker, String topic, Meter meter) throws Exception {
        Totals totals = new Totals();
        Request request = new Request();
        TimestampExtractor arrived = (record, before) -> {
            meter.read(record.partition());
            return record.timestamp();
        };
        Topology topology = new Topology();
        topology.addSource(
                AutoOffsetReset.earliest(),
                "requests",
                arrived,
                new ByteArrayDeserializer(),
                new ByteArrayDeserializer(),
                topic);
        topology.addProcessor("totals", () -> new Processor<byte[], byte[], Void, Void>() {
            @Override
            public void process(Record<byte[], byte[]> record) {
                try {
                    request.read(record.value());
                } catch (IOException error) {
                    throw new UncheckedIOException(error);
                }
                totals.add(request.key(), request.millis, request.total);
                meter.counted();
            }
        }, "requests");
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "peer-" + System.nanoTime());
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, broker);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, Files.createTempDirectory("uneri-peer-").toString());
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 5000);
        settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 20_000);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 10_000);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 4 << 20);
        try (KafkaStreams streams = new KafkaStreams(topology, settings)) {
            streams.start();
            meter.await();
        }
        return totals;
    }
}
