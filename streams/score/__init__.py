"""Plain timestamp,value files judged by the judge of live buckets.

May import process alone of this package.
"""
