"""Files and Kafka topics, read in pieces of named source partitions."""
