"""History that a daemon learns from, before its first start or while it runs: read, judged, handed over.

May import the drivers, ``history`` and everything below; not ``replay``, ``tune`` or the command line.
"""
