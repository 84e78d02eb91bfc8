"""Recorded history, read from files and Kafka topics in pieces of named source partitions.

May import lane, kafka.client and decode.
"""
