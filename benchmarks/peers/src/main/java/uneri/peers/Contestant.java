package uneri.peers;

/** One way to aggregate a topic. */
interface Contestant {
    /** Reads the topic from its beginning to its end and returns what came out. */
    Totals pass(String broker, String topic, Meter meter) throws Exception;
}
