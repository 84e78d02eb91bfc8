"""From findings to a message that a human acts on: incidents, notices, Slack, charts, digest."""
