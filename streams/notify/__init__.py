"""Delivers messages, receives buttons and commands, and shows the state of both."""
