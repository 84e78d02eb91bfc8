"""The stages put together, fed and returning values, and their checkpoints.

May import detect and what is below it; no driver.
"""
