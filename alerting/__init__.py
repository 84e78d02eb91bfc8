"""From findings to a message that a human acts on: the folders below, in the order in which they may import.

report > evaluation > sinks > outbox > messages > pipeline > words > commands > incidents.
"""
