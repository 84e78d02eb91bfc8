"""Payloads of backends, clouds and collectors become records of docs/event.md. Pure."""
