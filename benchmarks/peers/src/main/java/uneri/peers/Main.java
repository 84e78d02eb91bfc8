package uneri.peers;

import java.util.Locale;

/**
 * Runs one contestant several times in one JVM and prints its best warm pass as one line of JSON.
 *
 * <p>Arguments: which, broker, topic, number of events, passes.
 */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) throws Exception {
        Contestant contestant = switch (arguments[0]) {
            case "streams-dsl" -> new StreamsDsl();
            case "streams-by-hand" -> new StreamsByHand();
            case "flink-keyed" -> new FlinkKeyed();
            case "flink-by-hand" -> new FlinkByHand();
            default -> throw new IllegalArgumentException(arguments[0]);
        };
        long expected = Long.parseLong(arguments[3]);
        int passes = Integer.parseInt(arguments[4]);
        Meter best = null;
        Totals told = null;
        StringBuilder all = new StringBuilder();
        for (int pass = 0; pass < passes; pass++) {
            Meter meter = new Meter(expected);
            Totals totals = contestant.pass(arguments[1], arguments[2], meter);
            all.append(pass > 0 ? "," : "").append(number(meter.cpuSeconds()));
            // The first pass warms, unless it is the only one.
            if ((pass > 0 || passes == 1) && (best == null || meter.cpuSeconds() < best.cpuSeconds())) {
                best = meter;
            }
            // A pass that lost events must not hide behind one that did not.
            if (told == null || totals.count() < told.count()) {
                told = totals;
            }
        }
        System.out.println("{\"records\":" + expected
                + ",\"cpu\":" + number(best.cpuSeconds())
                + ",\"wall\":" + number(best.wallSeconds())
                + ",\"passes\":[" + all + "]"
                + ",\"totals\":" + told.json() + "}");
        System.exit(0); // threads of a mini cluster may linger
    }

    private static String number(double seconds) {
        return String.format(Locale.ROOT, "%.4f", seconds);
    }
}
