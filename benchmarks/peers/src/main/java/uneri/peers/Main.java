package uneri.peers;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Runs one contestant several times in one JVM and prints its best warm pass as one line of JSON.
 *
 * <p>Arguments: which, broker, topic, number of events, passes. With a sixth argument, {@code again}, every line on
 * standard input asks for one more pass and one more line: rounds of a benchmark need not warm a JVM anew.
 */
public final class Main {
    private final Contestant contestant;
    private final String broker;
    private final String topic;
    private final long expected;
    private final List<String> passes = new ArrayList<>();
    private Totals told;

    private Main(Contestant contestant, String broker, String topic, long expected) {
        this.contestant = contestant;
        this.broker = broker;
        this.topic = topic;
        this.expected = expected;
    }

    public static void main(String[] arguments) throws Exception {
        Contestant contestant = switch (arguments[0]) {
            case "streams-dsl" -> new StreamsDsl();
            case "streams-by-hand" -> new StreamsByHand();
            case "flink-keyed" -> new FlinkKeyed();
            case "flink-by-hand" -> new FlinkByHand();
            default -> throw new IllegalArgumentException(arguments[0]);
        };
        Main run = new Main(contestant, arguments[1], arguments[2], Long.parseLong(arguments[3]));
        run.warm(Integer.parseInt(arguments[4]));
        if (arguments.length > 5 && arguments[5].equals("again")) {
            BufferedReader asked = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            while (asked.readLine() != null) {
                run.tell(run.pass());
            }
        }
        System.exit(0); // threads of a mini cluster may linger
    }

    private void warm(int count) throws Exception {
        Meter best = null;
        for (int pass = 0; pass < count; pass++) {
            Meter meter = pass();
            // The first pass is cold, and counts only when it is the only one.
            if (best == null || pass == 1 || meter.cpuSeconds() < best.cpuSeconds()) {
                best = meter;
            }
        }
        tell(best);
    }

    private Meter pass() throws Exception {
        Meter meter = new Meter(expected);
        Totals totals = contestant.pass(broker, topic, meter);
        passes.add(seconds(meter.cpuSeconds()));
        // A pass that lost events must not hide behind one that did not.
        if (told == null || totals.count() < told.count()) {
            told = totals;
        }
        return meter;
    }

    private void tell(Meter meter) {
        System.out.println("{\"records\":" + meter.records()
                + ",\"cpu\":" + seconds(meter.cpuSeconds())
                + ",\"wall\":" + seconds(meter.wallSeconds())
                + ",\"passes\":" + passes
                + ",\"totals\":" + told.json() + "}");
    }

    private static String seconds(double value) {
        return String.format(Locale.ROOT, "%.4f", value);
    }
}
