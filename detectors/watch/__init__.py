"""What no curve alone shows: absence, new fatal errors, limits, the hottest table, rankings.

May import explain and what is below it.
"""
