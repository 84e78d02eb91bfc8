package uneri.peers;

import java.io.IOException;
import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** Flink: keyBy, event-time window of ten seconds, AggregateFunction; a watermark a split, no checkpoints. */
final class FlinkKeyed implements Contestant {
    @Override
    public Totals pass(String broker, String topic, Meter meter) throws Exception {
        StreamExecutionEnvironment environment = FlinkRun.environment(meter);
        environment
                .fromSource(
                        FlinkRun.source(broker, topic, new Reader()),
                        WatermarkStrategy.<Tuple3<String, Long, Double>>forBoundedOutOfOrderness(Duration.ofSeconds(1))
                                .withTimestampAssigner((event, before) -> event.f1),
                        "requests")
                .keyBy(event -> event.f0, Types.STRING)
                .window(TumblingEventTimeWindows.of(Duration.ofMillis(Totals.WINDOW)))
                .aggregate(new Sums(), new Closed(), TypeInformation.of(Cell.class), Types.POJO(Cell.class), Types.LONG)
                .sinkTo(new DiscardingSink<>());
        environment.execute();
        meter.ended(FlinkRun.counted);
        return FlinkRun.totals;
    }

    private static final class Reader implements KafkaRecordDeserializationSchema<Tuple3<String, Long, Double>> {
        private transient Request request;

        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Tuple3<String, Long, Double>> out)
                throws IOException {
            FlinkRun.meter.read(record.partition());
            if (request == null) {
                request = new Request();
            }
            request.read(record.value());
            out.collect(Tuple3.of(request.key(), request.millis, request.total));
        }

        @Override
        public TypeInformation<Tuple3<String, Long, Double>> getProducedType() {
            return Types.TUPLE(Types.STRING, Types.LONG, Types.DOUBLE);
        }
    }

    private static final class Sums implements AggregateFunction<Tuple3<String, Long, Double>, Cell, Cell> {
        @Override
        public Cell createAccumulator() {
            return new Cell();
        }

        @Override
        public Cell add(Tuple3<String, Long, Double> event, Cell cell) {
            FlinkRun.added++;
            return cell.add(event.f2);
        }

        @Override
        public Cell getResult(Cell cell) {
            return cell;
        }

        @Override
        public Cell merge(Cell one, Cell other) {
            return one.add(other);
        }
    }

    private static final class Closed extends ProcessWindowFunction<Cell, Long, String, TimeWindow> {
        @Override
        public void process(String key, Context context, Iterable<Cell> cells, Collector<Long> out) {
            for (Cell cell : cells) {
                FlinkRun.totals.add(key, context.window().getStart(), cell);
                FlinkRun.counted += cell.count;
                out.collect(cell.count);
            }
            FlinkRun.meter.counted(FlinkRun.counted);
        }
    }
}
