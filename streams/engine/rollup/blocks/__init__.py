"""One closed bucket of one shard: its tables, how they are packed, and its bytes."""
