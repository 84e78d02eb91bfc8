"""History that a daemon learns from before its first start: read, judged, left as its state.

May import the drivers, ``history`` and everything below; not ``replay``, ``tune`` or the command line.
"""
