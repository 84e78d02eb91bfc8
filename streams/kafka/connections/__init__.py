"""Connections to brokers: clients, their credentials and TLS, and what is said when they fail.

May import what is beside it in ``streams.kafka``, and what that may.
"""
