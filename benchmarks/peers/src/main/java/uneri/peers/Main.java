package uneri.peers;

import java.util.Locale;

/**
 * Runs one contestant in a warm JVM and prints what a pass over the topic took as one line of JSON.
 *
 * <p>Arguments: which, broker, topic, number of events, those of each partition that are read before the clock starts,
 * the topic on which the JVM warms up, its number of events, and how often it is read.
 */
public final class Main {
    /** One way to aggregate a topic: reads it from its beginning to its end and returns what came out. */
    private interface Contestant {
        Totals pass(String broker, String topic, Meter meter) throws Exception;
    }

    private Main() {}

    public static void main(String[] arguments) throws Exception {
        Contestant contestant =
                switch (arguments[0]) {
                    case "streams" -> Streams::pass;
                    case "flink" -> Flink::pass;
                    default -> throw new IllegalArgumentException(arguments[0]);
                };
        String broker = arguments[1];
        for (int pass = 0; pass < Integer.parseInt(arguments[7]); pass++) {
            contestant.pass(broker, arguments[5], new Meter(Long.parseLong(arguments[6]), 0));
        }
        Meter meter = new Meter(Long.parseLong(arguments[3]), Long.parseLong(arguments[4]));
        Totals totals = contestant.pass(broker, arguments[2], meter);
        System.out.printf(
                Locale.ROOT,
                "{\"records\":%d,\"user\":%.4f,\"system\":%.4f,\"wall\":%.4f,\"totals\":%s}%n",
                meter.records(), meter.cpuSeconds() - meter.systemSeconds(), meter.systemSeconds(),
                meter.wallSeconds(), totals.json());
        System.out.flush();
        System.exit(0); // threads of a mini cluster may linger
    }
}
