"""The Kafka driver: a Faust app owns partitions and feeds the engine's stages.

May import lane, notify, engine and what is below them.
"""
