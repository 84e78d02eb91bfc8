package uneri.peers;

import java.util.HashMap;
import java.util.Map;

/** Count, sum and maximum by window and key. */
final class Totals {
    private static final long WINDOW = 10_000;

    private static final class Cell {
        long count;
        double sum;
        double max = Double.NEGATIVE_INFINITY;
    }

    private final HashMap<Long, HashMap<String, Cell>> windows = new HashMap<>();
    private long newest = Long.MIN_VALUE;
    private HashMap<String, Cell> cells; // of the newest window, which is asked for most

    void add(String key, long millis, double value) {
        long start = millis - Math.floorMod(millis, WINDOW);
        if (start != newest || cells == null) {
            newest = start;
            cells = windows.computeIfAbsent(start, at -> new HashMap<>());
        }
        Cell cell = cells.get(key);
        if (cell == null) {
            cells.put(key, cell = new Cell());
        }
        cell.count++;
        cell.sum += value;
        if (value > cell.max) {
            cell.max = value;
        }
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
