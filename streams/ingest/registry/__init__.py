"""The client of a schema registry: fetches and keeps schemas, and waits while the registry is down."""
