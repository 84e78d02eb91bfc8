"""The Kafka driver: a Faust app owns partitions and feeds the engine's stages."""
