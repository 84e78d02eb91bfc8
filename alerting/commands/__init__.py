"""Commands of people, and the dispatches that leave the pipeline: its input and output values.

May import incidents; pure.
"""
