"""One plain series judged row by row.

May import judge, state and model.
"""
