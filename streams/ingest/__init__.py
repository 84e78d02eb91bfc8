"""From senders to records: receivers, formats, schemas, and whole batches from Kafka."""
