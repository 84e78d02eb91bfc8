"""The stages assembled: fed with records, returning findings and notices; their checkpoints.

May import detect and what is below it; no driver.
"""
