"""Measured steps become findings with evidence and attribution, merged over the shards into one order."""
