"""Generated traffic with incidents in it, and the demo made of it.

May import replay, local and what is below them.
"""
