package uneri.peers;

import java.io.IOException;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.FlatMapFunction;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * Flink: a flatMap over a hash map in the source's own task; no keyBy, no windows, no state backend. A mini cluster in
 * this process with object reuse.
 */
final class Flink {
    /** Of the pass that is running: the cluster is in this process, so tasks see them. */
    private static Meter meter;

    private static Totals totals;

    private Flink() {}

    static Totals pass(String broker, String topic, Meter measured) throws Exception {
        meter = measured;
        totals = new Totals();
        Configuration settings = new Configuration();
        settings.set(PipelineOptions.OBJECT_REUSE, true);
        settings.set(TaskManagerOptions.NETWORK_MEMORY_MIN, MemorySize.ofMebiBytes(64));
        settings.set(TaskManagerOptions.NETWORK_MEMORY_MAX, MemorySize.ofMebiBytes(64));
        settings.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ofMebiBytes(64));
        KafkaSource<byte[]> source = KafkaSource.<byte[]>builder()
                .setBootstrapServers(broker)
                .setTopics(topic)
                .setGroupId("peer-flink")
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setBounded(OffsetsInitializer.latest())
                .setDeserializer(new Raw())
                .setProperty("max.poll.records", "10000")
                .setProperty("max.partition.fetch.bytes", String.valueOf(4 << 20))
                .setProperty("commit.offsets.on.checkpoint", "false")
                .build();
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.createLocalEnvironment(1, settings);
        environment
                .fromSource(source, WatermarkStrategy.noWatermarks(), "requests")
                .flatMap(new Sums())
                .returns(Types.LONG)
                .sinkTo(new DiscardingSink<>());
        environment.execute();
        return totals;
    }

    private static final class Raw implements KafkaRecordDeserializationSchema<byte[]> {
        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<byte[]> out) {
            meter.read(record.partition());
            out.collect(record.value());
        }

        @Override
        public TypeInformation<byte[]> getProducedType() {
            return PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO;
        }
    }

    private static final class Sums implements FlatMapFunction<byte[], Long> {
        private transient Request request;

        @Override
        public void flatMap(byte[] record, Collector<Long> out) throws IOException {
            if (request == null) {
                request = new Request();
            }
            request.read(record);
            totals.add(request.key(), request.millis, request.total);
            meter.counted();
        }
    }
}
