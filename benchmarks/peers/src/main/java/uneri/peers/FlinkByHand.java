package uneri.peers;

import java.io.IOException;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.FlatMapFunction;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** Flink: a flatMap over a hash map in the source's own task; no keyBy, no windows, no state backend. */
final class FlinkByHand implements Contestant {
    @Override
    public Totals pass(String broker, String topic, Meter meter) throws Exception {
        StreamExecutionEnvironment environment = FlinkRun.environment(meter);
        environment
                .fromSource(FlinkRun.source(broker, topic, new Raw()), WatermarkStrategy.noWatermarks(), "requests")
                .flatMap(new Sums())
                .returns(Types.LONG)
                .sinkTo(new DiscardingSink<>());
        environment.execute();
        meter.ended(FlinkRun.counted);
        return FlinkRun.totals;
    }

    private static final class Raw implements KafkaRecordDeserializationSchema<byte[]> {
        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<byte[]> out) {
            FlinkRun.meter.read(record.partition());
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
            FlinkRun.totals.add(request.key(), request.millis, request.total);
            FlinkRun.added++;
            FlinkRun.meter.counted(++FlinkRun.counted);
        }
    }
}
