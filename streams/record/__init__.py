"""What was measured and found, kept and queried."""
