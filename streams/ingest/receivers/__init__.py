"""HTTP in the protocols of collectors and clouds, and lines over TCP.

Receivers bound time and memory, have a format read the payload, and answer once the driver's ``RecordSink``
has stored it.
"""
