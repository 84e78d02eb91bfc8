"""The embedded driver: doors, a followed file or standard input into a SQLite log, and through the engine.

May import notify, engine and what is below them; nothing of Kafka.
"""
