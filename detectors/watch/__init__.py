"""Findings beyond single curves: absence, fatal errors, limits; rankings, and which scopes are judgeable.

May import judge, state and model.
"""
