"""Latency as mergeable histograms, and quantiles over the newest calls.

May import state and model.
"""
