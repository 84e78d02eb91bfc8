package uneri.peers;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * Runs one contestant several times in one JVM and prints what a pass took as one line of JSON.
 *
 * <p>Arguments: which, broker, topic, number of events, those of each partition that are read before the clock starts,
 * the topic on which the JVM warms up, its number of events, and how often it is read. Every line on standard input
 * asks for one more pass and one more line: rounds of a benchmark need not warm a JVM anew.
 */
public final class Main {
    private final Contestant contestant;
    private final String broker;

    private Main(Contestant contestant, String broker) {
        this.contestant = contestant;
        this.broker = broker;
    }

    public static void main(String[] arguments) throws Exception {
        Contestant contestant = switch (arguments[0]) {
            case "streams-dsl" -> new StreamsDsl();
            case "streams-by-hand" -> new StreamsByHand();
            case "flink-keyed" -> new FlinkKeyed();
            case "flink-by-hand" -> new FlinkByHand();
            default -> throw new IllegalArgumentException(arguments[0]);
        };
        Main run = new Main(contestant, arguments[1]);
        String topic = arguments[2];
        long expected = Long.parseLong(arguments[3]);
        long warm = Long.parseLong(arguments[4]);
        for (int pass = 0; pass < Integer.parseInt(arguments[7]); pass++) {
            run.pass(arguments[5], new Meter(Long.parseLong(arguments[6]), 0));
        }
        BufferedReader asked = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        do {
            Meter meter = new Meter(expected, warm);
            run.tell(meter, run.pass(topic, meter));
        } while (asked.readLine() != null);
        System.exit(0); // threads of a mini cluster may linger
    }

    private Totals pass(String topic, Meter meter) throws Exception {
        return contestant.pass(broker, topic, meter);
    }

    private void tell(Meter meter, Totals totals) {
        System.out.println("{\"records\":" + meter.records()
                + ",\"user\":" + seconds(meter.cpuSeconds() - meter.system())
                + ",\"system\":" + seconds(meter.system())
                + ",\"wall\":" + seconds(meter.wallSeconds())
                + ",\"totals\":" + totals.json() + "}");
    }

    private static String seconds(double value) {
        return String.format(Locale.ROOT, "%.4f", value);
    }
}
