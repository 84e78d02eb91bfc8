"""One plain series judged row by row.

May import watch and what is below it.
"""
