"""State in few bytes and without pickle, and the compiler of what runs once for every event or step.

May import model.
"""
