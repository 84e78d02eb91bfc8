"""Recorded history, read from files and Kafka topics in pieces of named source partitions.

May import lane, formats, kafka.client and decode.
"""
