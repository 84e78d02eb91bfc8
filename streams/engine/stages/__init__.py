"""The stages assembled: fed with records, returning findings and notices; their checkpoints."""
