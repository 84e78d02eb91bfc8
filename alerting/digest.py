"""The digest: once a day, what grows and how many days are left, the most urgent first."""

from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from alerting import numbers
from alerting.heat import heat_lines
from alerting.incident import Incident
from alerting.links import LinkMaker
from alerting.message import NAME, SECTION, Block, Message, about, clock, headroom, when
from alerting.mrkdwn import escape, link
from alerting.size import size
from detectors.finding import Finding, Growth
from detectors.hottest import Hot
from detectors.scope import Edge

ROWS: Final = 20
_TOTAL: Final = 11_000
_WEEK: Final = 7 * 86400


def digest(
    growing: Sequence[Incident],
    links: LinkMaker,
    zone: ZoneInfo,
    *,
    at: int,
    hottest: Sequence[Hot] = (),
) -> Message:
    """Render what grows, as ordered by the notice: fewest days to the limit first.

    Parameters
    ----------
    growing
        The growth incidents that are open, one a series; none where only ``hottest`` has news.
    links
        Makes the links; they show the last week.
    zone
        The channel's time zone.
    at
        The watermark the digest is of, epoch seconds.
    hottest
        The hottest table of each account and what has a limit of concurrency.
    """
    one = len(growing) == 1
    count = f"{len(growing)} series {'grows' if one else 'grow'}"
    if any(incident.primary.growth is None for incident in growing):
        count += f" or {'is' if one else 'are'} near a limit"
    if not growing:
        count = "another table is the hottest"
    rows = [_row(incident.primary, links, at) for incident in growing[:ROWS]]
    blocks: list[Block] = [
        {"type": "header", "text": {"type": "plain_text", "text": f"DIGEST · {count}", "emoji": False}}
    ]
    spent = shown = 0
    for row in rows:
        if spent + len(row) > _TOTAL:
            break
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": row, "verbatim": True}})
        spent += len(row)
        shown += 1
    rest = (
        f"and {len(growing) - shown} more that grow slower or have no limit near · "
        if shown < len(growing)
        else ""
    )
    heat = heat_lines(hottest)
    if heat:
        text = "\n".join(heat)[:SECTION]
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}})
    footer = f"{rest}Growth needs planning, not a reaction · as of {when(at, zone)}"
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": footer, "verbatim": True}]})
    if growing:
        first = growing[0].primary
        most_urgent = f"{escape(about(first.about), 2 * NAME)}, {rate(first)}"
    else:
        most_urgent = heat[0] if heat else "none"
    text = f"Digest of {clock(at, zone)}: {count}. First: {most_urgent}."
    return Message(text=text, blocks=blocks)


def rate(finding: Finding) -> str:
    """Say how fast it grows, ``wcu +3.1 % a day``, or how near its limit it is."""
    return size(finding, finding.observed)


def _row(finding: Finding, links: LinkMaker, at: int) -> str:
    target = finding.about.target if isinstance(finding.about, Edge) else finding.about
    url = links.url(
        target.kind,
        cloud=target.cloud,
        account=target.account,
        region=target.region,
        name=target.name,
        start=at - _WEEK,
        end=at,
    )
    kind = escape(finding.about.kind.capitalize(), NAME)
    label = target.label if not isinstance(finding.about, Edge) else about(finding.about)
    lines = [f"{kind} *{link(url, label, 2 * NAME)}* · *{rate(finding)}*"]
    level = f"now {numbers.quantity(finding.observed, finding.measure)}"
    if finding.limit is not None and finding.limit > 0:
        level += f", {headroom(finding.observed, finding)}"
    where = " · ".join(part for part in (target.account, target.region) if part and part != target.name)
    lines.append(f"{level} · {escape(where, 2 * NAME)}" if where else level)
    if finding.growth is not None:
        lines.append(_forecast(finding.growth))
    text = "\n".join(lines)
    return text if len(text) <= SECTION else "\n".join(lines[1:])


def _forecast(growth: Growth) -> str:
    interval = f"{growth.per_day_lower * 100:.1f} to {growth.per_day_upper * 100:.1f} % a day".replace(
        "-", "−"
    )
    rests = f"over {growth.days} days, {interval}"
    if growth.days_to_limit is None:
        return rests
    told = f"*limit in {numbers.days(growth.days_to_limit)}*"
    if growth.days_to_limit_lower is not None:
        upper = "never" if growth.days_to_limit_upper is None else numbers.days(growth.days_to_limit_upper)
        told += f" ({numbers.days(growth.days_to_limit_lower)} to {upper})"
    return f"{told} · {rests}"
