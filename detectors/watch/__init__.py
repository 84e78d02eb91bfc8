"""What no curve alone shows: absence, new fatal errors, limits, the hottest table, rankings.

May import judge, state and model.
"""
