package uneri.peers;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * CPU of the whole process and wall time of one pass, from when a first part of every partition has been read to the
 * last record.
 *
 * <p>Records are counted by one thread: every contestant runs with one, since the broker needs the other core.
 */
final class Meter {
    private static final OperatingSystemMXBean SYSTEM =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    private static final int PARTITIONS = 8;
    private static final double TICKS = 100; // a second, in /proc

    private record Spent(long cpu, double system, long wall) {
        static Spent now() {
            double system = 0; // where there is no /proc
            try {
                String said = Files.readString(Path.of("/proc/self/stat"));
                system = Long.parseLong(said.substring(said.lastIndexOf(')') + 2).split(" ")[12]) / TICKS;
            } catch (IOException error) {
                // it is in the user's time then
            }
            return new Spent(SYSTEM.getProcessCpuTime(), system, System.nanoTime());
        }
    }

    private final long expected;
    private final long warm;
    private final long[] read = new long[PARTITIONS];
    private int cold = PARTITIONS;
    private long counted;
    private long before;
    private Spent begin;
    private volatile Spent end;

    /** For so many records, and those of each partition that are read before the clock starts. */
    Meter(long expected, long warm) {
        this.expected = expected;
        this.warm = warm;
    }

    /** A record of a partition was read; the one that ends the first part of the last partition starts the clock. */
    void read(int partition) {
        if (begin != null) {
            return;
        }
        if (++read[partition] == warm) {
            cold--;
        }
        if (cold == 0 || warm == 0) {
            before = counted;
            begin = Spent.now();
        }
    }

    /** One more record is in its window; the last one stops the clock. */
    void counted() {
        if (++counted == expected) {
            end = Spent.now();
        }
    }

    /** Waits for the last record: the contest ends a contestant that loses one. */
    void await() throws InterruptedException {
        while (end == null) {
            Thread.sleep(10);
        }
    }

    long records() {
        return counted - before;
    }

    double cpuSeconds() {
        return (end.cpu - begin.cpu) / 1e9;
    }

    double systemSeconds() {
        return end.system - begin.system;
    }

    double wallSeconds() {
        return (end.wall - begin.wall) / 1e9;
    }
}
