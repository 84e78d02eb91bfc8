"""Judges plain timestamp,value files with the detector of live buckets."""
