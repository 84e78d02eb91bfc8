"""The judge: the expectation of every series at a step, and whether its value opens a verdict.

May import state and model.
"""
