"""The fixed texts of messages, as one value that each language fills in."""

from typing import NamedTuple


class Labels(NamedTuple):
    """Fixed texts: no markup in them, no names."""

    severity: str
    affected: str
    now: str  # of the newest minute
    mean: str  # over the span of a deviation
    peak: str
    lowest: str
    failed: str  # the part of the requests that did
    throttled: str
    expected: str
    since: str
    lasted: str
    where: str
    headroom: str
    costs: str
    headroom_then: str  # at the peak
    data: str
    error: str
    occurred: str
    no_reason: str
    stop: str  # between two sentences
    withdrawn: str  # the sentence of an incident that late data withdrew
    test: str  # the begin of a test message
    test_note: str
    update: str  # marks the newest state of a message that was shown before, in a terminal
    runbook: str  # the text of a link to what to do
    earlier: str  # the text of a link to the message of the previous time
    # buttons
    acknowledge: str
    snooze: str
    an_hour: str
    tomorrow: str
    pattern: str
    as_expected: str
    not_an_anomaly: str
    take_back: str
    note: str
    details: str
    # modals
    details_title: str  # at most 24 characters, like pattern_title
    pattern_title: str
    until: str
    why: str
    submit: str
    cancel: str
    close: str
    matches: str
    note_title: str  # at most 24 characters
    note_text: str
    note_submit: str
    note_kept: str  # its readers
    memos: str
    members: str
    callers: str
    suspects: str
    reasons: str
    causes: str
    examples: str  # requests that illustrate an incident
    slowest: str
    costliest: str
    trace: str  # the text of a link
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
    # memos
    noted: str  # on this incident
    last_time: str  # on the one of its kind that was noted last
    earlier_time: str  # on those before
    # an incident in Markdown
    links: str
    actions: str  # the commands on it
    # pictures
    chart_now: str
    chart_last_week: str
    chart_expected: str
    chart_limit: str
    chart_caption: str
    # the digest and the flood
    digest_small: str  # certain, and too small to page
    digest_hottest: str
    digest_used: str
    digest_slowest: str
    digest_values: str
    digest_costs: str
    digest_costliest: str
    digest_snoozes: str
    digest_held: str
    digest_precision: str
    digest_baselines: str
    by_verdict: str
    by_account: str
    most_severe: str
    # answers
    silences: str
    no_silences: str
    nothing_changed: str
    help: str
    not_allowed: str
    matches_nothing: str
    open_now: str
    held_back: str
    last_message: str
    watermark: str
    opened: str
    resolved: str
    new_levels: str
    new_errors: str
    leaders: str
    deployed: str
