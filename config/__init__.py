"""Settings, limits and links. Knows nobody."""
