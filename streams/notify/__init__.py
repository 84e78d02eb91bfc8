"""Delivers messages, receives buttons and commands, and shows operators the state of both."""
