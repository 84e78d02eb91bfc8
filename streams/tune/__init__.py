"""The search for settings: a recording of measured steps, trials, the pick and its proposal.

May import replay, history and what is below them.
"""
