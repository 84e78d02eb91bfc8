"""The judge: what is expected of every series at a step, and whether what came is a verdict.

May import state and model.
"""
