"""What no single curve shows: absence, new fatal errors, limits, the hottest table, rankings.

May import judge, state and model.
"""
