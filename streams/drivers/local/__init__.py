"""The embedded driver: receivers, a followed file or standard input into a SQLite log, and to the engine."""
