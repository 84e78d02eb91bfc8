"""All doors of a daemon that are routes of its web server."""

from aiohttp import web

from streams.doors.events_door import EventsDoor
from streams.doors.otlp_door import OtlpDoor
from streams.doors.reception import Reception


def doors(reception: Reception) -> list[web.RouteDef]:
    """Return the routes of all doors, which share one reception."""
    return [*EventsDoor(reception).routes(), *OtlpDoor(reception).routes()]
