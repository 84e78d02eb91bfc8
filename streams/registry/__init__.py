"""The schema registry: asks it for the schemas of framed records, keeps them, and says why it cannot.

Formats ask nothing. Who reads a source gets what its records need from here, and waits while the registry is
down. May import the formats and what is below them.
"""
