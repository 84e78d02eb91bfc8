"""What no single curve shows: absence, fatal errors, limits, the hottest table, rankings, what is judgeable.

May import judge, state and model.
"""
