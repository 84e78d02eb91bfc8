"""The incidents of a board, from the pipeline that has them."""

from alerting.messages.console_links import LinkMaker
from alerting.pipeline.pipeline import Pipeline
from streams.notify.incidents_route import last_to_json, ongoing_to_json
from streams.screens.board.board_data import BoardIncidents


def incidents_of(pipeline: Pipeline | None, links: LinkMaker) -> BoardIncidents:
    """Return the incidents that a board shows; none while nobody has them."""
    if pipeline is None:
        return BoardIncidents((), [])
    open_ = [incident.incident for incident in pipeline.ongoing()]
    return BoardIncidents(open_, ongoing_to_json(pipeline, links), last_to_json(pipeline, links))
