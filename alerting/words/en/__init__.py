"""The phrases of messages in English."""
