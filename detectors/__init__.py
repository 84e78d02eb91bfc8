"""Pure numpy: what a series is, what is expected of it, what happened to it and who explains that.

Nothing here knows Kafka, Slack, a clock or randomness: time is an argument.
"""
