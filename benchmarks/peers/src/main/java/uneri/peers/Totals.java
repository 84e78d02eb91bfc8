package uneri.peers;

import java.util.HashMap;
import java.util.Map;

/** Cells by window and key, as the hand-written contestants keep them and as all report them. */
final class Totals {
    static final long WINDOW = 10_000;

    private final HashMap<Long, HashMap<String, Cell>> windows = new HashMap<>();
    private long newest = Long.MIN_VALUE;
    private HashMap<String, Cell> cells;

    /** Cells of the window that holds a moment; the one asked for last is at hand. */
    private HashMap<String, Cell> window(long millis) {
        long start = millis - Math.floorMod(millis, WINDOW);
        if (start != newest || cells == null) {
            newest = start;
            cells = windows.computeIfAbsent(start, at -> new HashMap<>());
        }
        return cells;
    }

    void add(String key, long millis, double value) {
        HashMap<String, Cell> at = window(millis);
        Cell cell = at.get(key);
        if (cell == null) {
            at.put(key, cell = new Cell());
        }
        cell.add(value);
    }

    void add(String key, long millis, Cell other) {
        window(millis).computeIfAbsent(key, name -> new Cell()).add(other);
    }

    /** Takes the place of what was told of this window before. */
    void set(String key, long millis, Cell cell) {
        window(millis).put(key, cell);
    }

    void add(Totals others) {
        others.windows.forEach((start, them) -> them.forEach((key, cell) -> add(key, start, cell)));
    }

    long count() {
        return windows.values().stream().flatMap(at -> at.values().stream()).mapToLong(cell -> cell.count).sum();
    }

    /** Rows of service, function, start in seconds, count, sum, max. */
    String json() {
        StringBuilder rows = new StringBuilder("[");
        for (Map.Entry<Long, HashMap<String, Cell>> window : windows.entrySet()) {
            for (Map.Entry<String, Cell> entry : window.getValue().entrySet()) {
                int slash = entry.getKey().indexOf('/');
                Cell cell = entry.getValue();
                rows.append(rows.length() > 1 ? "," : "")
                        .append("[\"").append(entry.getKey(), 0, slash)
                        .append("\",\"").append(entry.getKey().substring(slash + 1))
                        .append("\",").append(window.getKey() / 1000)
                        .append(',').append(cell.count)
                        .append(',').append(cell.sum)
                        .append(',').append(cell.max)
                        .append(']');
            }
        }
        return rows.append(']').toString();
    }
}
