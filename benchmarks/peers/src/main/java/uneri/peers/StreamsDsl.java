package uneri.peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.Stores;

/**
 * Kafka Streams, DSL: groupBy (a repartition topic), windows of ten seconds, aggregate, in-memory store.
 *
 * <p>groupBy is a map to the new key and groupByKey; written so, only the amount goes through the repartition topic.
 *
 * <p>Partitions are read at different speeds while a topic is drained, and Kafka Streams has one stream time
 * for all that a task reads: a grace of a day keeps it from dropping what then looks late. The store has no
 * changelog, and its cache passes a window on once a commit and not once an event.
 */
final class StreamsDsl implements Contestant {
    private static final Duration WINDOW = Duration.ofMillis(Totals.WINDOW);
    private static final Duration GRACE = Duration.ofDays(1);

    /** What of an event goes through the repartition topic, whose records carry its time themselves. */
    private record Measured(String key, long millis, double total) {}

    private static final Serde<Cell> CELLS = Serdes.serdeFrom(
            (topic, cell) -> ByteBuffer.allocate(24).putLong(cell.count).putDouble(cell.sum).putDouble(cell.max).array(),
            (topic, bytes) -> {
                ByteBuffer from = ByteBuffer.wrap(bytes);
                Cell cell = new Cell();
                cell.count = from.getLong();
                cell.sum = from.getDouble();
                cell.max = from.getDouble();
                return cell;
            });

    @Override
    public Totals pass(String broker, String topic, Meter meter) throws Exception {
        Totals totals = new Totals();
        AtomicLong counted = new AtomicLong();
        Request request = new Request(); // one thread runs all tasks
        Serde<Measured> events = Serdes.serdeFrom((name, event) -> null, (name, bytes) -> {
            try {
                request.read(bytes);
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
            return new Measured(request.key(), request.millis, request.total);
        });
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(
                        topic,
                        Consumed.with(Serdes.ByteArray(), events)
                                .withTimestampExtractor((record, before) -> {
                                    meter.read(record.partition());
                                    return ((Measured) record.value()).millis();
                                }))
                .map((key, event) -> new KeyValue<>(event.key(), event.total()))
                .groupByKey(Grouped.with(Serdes.String(), Serdes.Double()))
                .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW, GRACE))
                .aggregate(
                        Cell::new,
                        (key, value, cell) -> {
                            long now = counted.getPlain() + 1;
                            counted.lazySet(now);
                            meter.counted(now);
                            return cell.add(value);
                        },
                        Materialized.<String, Cell>as(
                                        Stores.inMemoryWindowStore("totals", GRACE.plus(WINDOW), WINDOW, false))
                                .withKeySerde(Serdes.String())
                                .withValueSerde(CELLS)
                                .withLoggingDisabled()
                                .withCachingEnabled())
                .toStream()
                .foreach((window, cell) -> totals.set(window.key(), window.window().start(), cell));
        StreamsRun.run(broker, builder.build(), meter, counted::get);
        return totals;
    }
}
