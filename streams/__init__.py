"""From a request event to a finding and a message: one folder a step, the folders below it one line each.

Which folder may import which is in pyproject.toml, the way of an event through them in docs/architecture.md.
"""
