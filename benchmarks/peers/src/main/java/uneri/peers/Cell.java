package uneri.peers;

/** Count, sum and maximum of one key in one window. Public with public fields: Flink's own serializer takes it. */
public final class Cell {
    public long count;
    public double sum;
    public double max = Double.NEGATIVE_INFINITY;

    Cell add(double value) {
        count++;
        sum += value;
        if (value > max) {
            max = value;
        }
        return this;
    }

    Cell add(Cell other) {
        count += other.count;
        sum += other.sum;
        max = Math.max(max, other.max);
        return this;
    }
}
