"""What is remembered, in few bytes and without pickle, and the compiler of what runs once an event or step.

May import model.
"""
