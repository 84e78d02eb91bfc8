"""What a message says the same way every time, as one value that each language fills whole."""

from typing import NamedTuple


class Labels(NamedTuple):
    """What is said the same way every time: no markup in it, no name."""

    now: str
    peak: str
    lowest: str
    expected: str
    since: str
    lasted: str
    where: str
    headroom: str
    headroom_then: str  # of what is over: where it was furthest
    data: str
    error: str
    came: str
    no_reason: str
    comma: str
    withdrawn: str  # the sentence of an incident that late data took back
    earlier: str  # the words of a link to the message of the last time
    # buttons
    acknowledge: str
    snooze: str
    an_hour: str
    tomorrow: str
    pattern: str
    as_expected: str
    not_an_anomaly: str
    details: str
    # modals
    details_title: str  # 24 characters at most, as pattern_title
    pattern_title: str
    until: str
    why: str
    submit: str
    cancel: str
    close: str
    matches: str
    members: str
    callers: str
    suspects: str
    reasons: str
    causes: str
    score: str
    interval: str
    basis: str
    weeks_used: str
    weeks_left_out: str
    completeness: str
    limit: str
    growth: str
    identifiers: str
    fingerprint: str
    follows: str
    match_accounts: str
    match_services: str
    match_scopes: str
    match_verdicts: str
    match_measures: str
    # pictures
    chart_now: str
    chart_last_week: str
    chart_expected: str
    chart_limit: str
    chart_caption: str
    # the digest and the flood
    digest_growing: str
    digest_hottest: str
    digest_used: str
    digest_slowest: str
    digest_values: str
    digest_snoozes: str
    digest_held: str
    digest_precision: str
    by_verdict: str
    by_account: str
    worst: str
    # answers
    silences: str
    nothing_open: str
    no_silences: str
    nothing_changed: str
    help: str
    not_allowed: str
    fits_nothing: str
    open_now: str
    held_back: str
    last_told: str
    watermark: str
    opened: str
    resolved: str
    new_levels: str
    new_errors: str
    leaders: str
