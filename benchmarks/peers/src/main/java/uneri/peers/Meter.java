package uneri.peers;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.function.LongSupplier;

/**
 * CPU of the whole process and wall time of one pass, from its first record to its last.
 *
 * <p>Records are counted by one thread: every contestant runs with one, since the broker needs the other core.
 */
final class Meter {
    private static final OperatingSystemMXBean SYSTEM =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    private static final long SILENCE = 5_000_000_000L; // until no more is expected

    private final long expected;
    private long startCpu;
    private long startWall;
    private volatile long records;
    private volatile long cpu;
    private volatile long wall;
    private volatile boolean done;

    Meter(long expected) {
        this.expected = expected;
    }

    /** A record was read; the first one starts the clock. */
    void begin() {
        if (startWall == 0) {
            startCpu = SYSTEM.getProcessCpuTime();
            startWall = System.nanoTime();
        }
    }

    /** So many records are in their windows; the last one stops the clock. */
    void counted(long now) {
        if (now == expected) {
            stop(now);
        }
    }

    /** The last record wins over whoever watches it come. */
    private synchronized void stop(long now) {
        if (done) {
            return;
        }
        done = now == expected;
        cpu = SYSTEM.getProcessCpuTime() - startCpu;
        wall = System.nanoTime() - startWall;
        records = now;
    }

    /** Waits for the last record, or until none has come for a while; then the last that came stops the clock. */
    void await(LongSupplier progress) throws InterruptedException {
        long seen = 0;
        long since = System.nanoTime();
        while (!done && (seen == 0 || System.nanoTime() - since < SILENCE)) {
            Thread.sleep(10);
            long now = progress.getAsLong();
            if (now != seen) {
                seen = now;
                since = System.nanoTime();
                stop(now);
            }
        }
    }

    /** The job has ended by itself: what has not come until now will not come. */
    void ended(long now) {
        stop(now);
    }

    /** Records that were counted when the clock stopped: fewer than expected, when some were dropped. */
    long records() {
        return records;
    }

    double cpuSeconds() {
        return cpu / 1e9;
    }

    double wallSeconds() {
        return wall / 1e9;
    }
}
