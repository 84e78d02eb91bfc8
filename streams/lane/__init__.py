"""The chunk lane: Faust and aiokafka carry whole runs of raw records as one value.

May import process and decode, but no stage of the engine.
"""
