"""Connections to brokers: clients, their credentials and TLS, and the line that explains a failure."""
