"""The description of the web server: every route, what it takes and what it answers, as OpenAPI.

Imports ``board``, ``query`` and what is below them, for the types of their answers; nothing of the drivers.
"""
