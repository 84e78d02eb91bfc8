"""Payloads as backends, clouds and collectors send them become records of docs/event.md.

Pure: no clock, no network. May import decode and what is below it.
"""
