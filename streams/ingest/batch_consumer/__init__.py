"""Faust and aiokafka carry whole batches of raw records as one value."""
