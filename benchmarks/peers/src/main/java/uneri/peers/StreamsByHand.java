package uneri.peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.streams.AutoOffsetReset;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.TimestampExtractor;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.Record;

/** Kafka Streams with a processor over a hash map: no repartition topic, no store. */
final class StreamsByHand implements Contestant {
    @Override
    public Totals pass(String broker, String topic, Meter meter) throws Exception {
        Totals totals = new Totals(); // one thread runs all tasks
        AtomicLong counted = new AtomicLong();
        Request request = new Request();
        Topology topology = new Topology();
        TimestampExtractor arrived = (record, before) -> {
            meter.read(record.partition());
            return record.timestamp();
        };
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
                long now = counted.getPlain() + 1;
                counted.lazySet(now);
                meter.counted(now);
            }
        }, "requests");
        StreamsRun.run(broker, topology, meter, counted::get);
        return totals;
    }
}
