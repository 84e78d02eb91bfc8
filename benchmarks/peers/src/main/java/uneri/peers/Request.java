package uneri.peers;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.util.HashMap;

/**
 * Reads the four fields of an event that the aggregation needs; one instance is used again and again.
 *
 * <p>The whole record is read, as every contestant does: a record with a broken end is a broken record.
 */
final class Request {
    private static final JsonFactory JSON =
            new JsonFactoryBuilder().enable(StreamReadFeature.USE_FAST_DOUBLE_PARSER).build();

    String service;
    String function;
    long millis;
    double total;

    private final HashMap<String, HashMap<String, String>> keys = new HashMap<>();

    Request read(byte[] record) throws IOException {
        service = null;
        function = null;
        millis = Long.MIN_VALUE;
        total = Double.NaN;
        try (JsonParser parser = JSON.createParser(record)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw new IOException("not an object");
            }
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                JsonToken value = parser.nextToken();
                switch (name) {
                    // Down, not to the nearest: a window ends just before its last millisecond is over.
                    case "ts" -> millis = (long) (parser.getDoubleValue() * 1000);
                    case "service" -> service = parser.getText();
                    case "function" -> function = parser.getText();
                    case "ms" -> readTotal(parser, value);
                    default -> parser.skipChildren();
                }
            }
        }
        if (service == null || function == null || millis == Long.MIN_VALUE || total != total) {
            throw new IOException("a field is missing");
        }
        return this;
    }

    private void readTotal(JsonParser parser, JsonToken value) throws IOException {
        if (value != JsonToken.START_OBJECT) {
            throw new IOException("ms is not an object");
        }
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            boolean wanted = parser.currentName().equals("total");
            parser.nextToken();
            if (wanted) {
                total = parser.getDoubleValue();
            } else {
                parser.skipChildren();
            }
        }
    }

    /** Service and function as one string, made once a pair. */
    String key() {
        return keys.computeIfAbsent(service, name -> new HashMap<>())
                .computeIfAbsent(function, name -> service + '/' + name);
    }
}
