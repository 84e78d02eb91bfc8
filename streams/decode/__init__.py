"""Raw records of one source partition become columns; a record that cannot be read gets a reason.

May import process.
"""
