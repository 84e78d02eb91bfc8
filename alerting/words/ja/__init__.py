"""The phrases of messages in Japanese."""
