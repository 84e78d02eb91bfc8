package uneri.peers;

import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** What both jobs of Flink share: a mini cluster in this process with object reuse, and the source. */
final class FlinkRun {
    /** Of the pass that is running: the cluster is in this process, so tasks see it. */
    static Meter meter;

    static Totals totals;
    static long counted; // what has been told
    static long added; // what is in its window

    private FlinkRun() {}

    static StreamExecutionEnvironment environment(Meter measured) {
        meter = measured;
        totals = new Totals();
        counted = 0;
        added = 0;
        measured.progress(() -> added);
        Configuration settings = new Configuration();
        settings.set(PipelineOptions.OBJECT_REUSE, true);
        settings.set(TaskManagerOptions.NETWORK_MEMORY_MIN, MemorySize.ofMebiBytes(64));
        settings.set(TaskManagerOptions.NETWORK_MEMORY_MAX, MemorySize.ofMebiBytes(64));
        settings.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ofMebiBytes(64));
        return StreamExecutionEnvironment.createLocalEnvironment(1, settings);
    }

    /** From the topic's beginning to where it ends now; then the last windows close. */
    static <T> KafkaSource<T> source(String broker, String topic, KafkaRecordDeserializationSchema<T> reader) {
        return KafkaSource.<T>builder()
                .setBootstrapServers(broker)
                .setTopics(topic)
                .setGroupId("peer-flink")
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setBounded(OffsetsInitializer.latest())
                .setDeserializer(reader)
                .setProperty("max.poll.records", "10000")
                .setProperty("max.partition.fetch.bytes", String.valueOf(4 << 20))
                .setProperty("commit.offsets.on.checkpoint", "false")
                .build();
    }
}
