"""History as pieces of named source partitions: files and Kafka topics.

May import lane, kafka.client and decode.
"""
