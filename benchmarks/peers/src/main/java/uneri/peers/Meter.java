package uneri.peers;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.LongSupplier;

/**
 * CPU of the whole process and wall time of one pass, from when a first part of every partition has been read to the
 * last record.
 *
 * <p>Records are counted by one thread: every contestant runs with one, since the broker needs the other core.
 */
final class Meter {
    private static final OperatingSystemMXBean SYSTEM =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    private static final long SILENCE = 5_000_000_000L; // until no more is expected
    private static final int PARTITIONS = 8;
    private static final double TICKS = 100; // a second, in /proc

    private final long expected;
    private final long warm;
    private final long[] read = new long[PARTITIONS];
    private LongSupplier progress = () -> 0;
    private int cold = PARTITIONS;
    private boolean started;
    private long startCpu;
    private double startSystem;
    private long startWall;
    private long before;
    private volatile long records;
    private volatile long cpu;
    private volatile double system;
    private volatile long wall;
    private volatile boolean done;

    /** For so many records, and those of each partition that are read before the clock starts. */
    Meter(long expected, long warm) {
        this.expected = expected;
        this.warm = warm;
    }

    /** Tells how many records are in their windows now. */
    void progress(LongSupplier counted) {
        progress = counted;
    }

    /** A record of a partition was read; the one that ends the first part of the last partition starts the clock. */
    void read(int partition) {
        if (started) {
            return;
        }
        if (++read[partition] == warm) {
            cold--;
        }
        if (cold == 0 || warm == 0) {
            before = progress.getAsLong();
            startSystem = systemSeconds();
            startCpu = SYSTEM.getProcessCpuTime();
            startWall = System.nanoTime();
            started = true;
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
        system = systemSeconds() - startSystem;
        wall = System.nanoTime() - startWall;
        records = now - before;
    }

    /** Waits for the last record, or until none has come for a while; then the last that came stops the clock. */
    void await() throws InterruptedException {
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

    /** Records that were counted while the clock ran: fewer than expected, when some were dropped. */
    long records() {
        return records;
    }

    double cpuSeconds() {
        return cpu / 1e9;
    }

    double system() {
        return system;
    }

    /** What the kernel has spent on this process; nothing where there is no /proc. */
    private static double systemSeconds() {
        try {
            String said = Files.readString(Path.of("/proc/self/stat"));
            return Long.parseLong(said.substring(said.lastIndexOf(')') + 2).split(" ")[12]) / TICKS;
        } catch (IOException error) {
            return 0;
        }
    }

    double wallSeconds() {
        return wall / 1e9;
    }
}
