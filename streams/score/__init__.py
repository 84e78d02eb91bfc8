"""Plain timestamp,value files judged by the judge of live buckets.

May import process, decode.parse and history.unpacked of this package.
"""
