"""What senders reach: HTTP in the protocols of collectors and clouds, and lines over TCP.

Every door receives in bounded time and memory, has a format read what came, and answers when a driver has it
durably. Where records go is the driver's business (``Taker``). May import the engine's formats and what is
below them; nothing of a driver.
"""
