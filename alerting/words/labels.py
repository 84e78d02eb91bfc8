"""The fixed texts of messages."""

from typing import NamedTuple


class Labels(NamedTuple):
    """Fixed texts: no markup in them, no names. Here they are English; another language states each anew."""

    severity: str = "Severity"
    affected: str = "Affected"
    now: str = "Now"  # of the newest minute
    mean: str = "On average"  # over the span of a deviation
    peak: str = "Peak"
    lowest: str = "Lowest"
    failed: str = "Failed"  # the part of the requests that did
    throttled: str = "Throttled"
    expected: str = "Expected"
    since: str = "Since"
    lasted: str = "When"
    where: str = "Where"
    headroom: str = "Headroom"
    costs: str = "Costs, about"
    headroom_then: str = "Headroom at the peak"  # at the peak
    data: str = "Data"
    error: str = "Error"
    occurred: str = "Occurred"
    no_reason: str = "No explanation available."
    stop: str = ". "  # between two sentences
    # the sentence of an incident that late data withdrew
    withdrawn: str = "What came later showed no anomaly. The figures are from before that."
    test: str = "TEST"  # the begin of a test message
    test_note: str = "A test by `uneri send-test`: nothing of this has happened."
    update: str = "UPDATE"  # marks the newest state of a message that was shown before, in a terminal
    runbook: str = "Runbook"  # the text of a link to what to do
    earlier: str = "previous message"  # the text of a link to the message of the previous time
    # buttons
    acknowledge: str = "Acknowledge"
    snooze: str = "Snooze…"
    an_hour: str = "For 1 hour"
    tomorrow: str = "Until tomorrow"
    pattern: str = "This pattern until…"
    as_expected: str = "Expected"
    not_an_anomaly: str = "Not an anomaly"
    take_back: str = "Take back"
    note: str = "Note…"
    details: str = "Details"
    # modals
    details_title: str = "Evidence"  # at most 24 characters, like pattern_title
    pattern_title: str = "Snooze pattern"
    until: str = "Until the morning of"
    why: str = "Reason"
    submit: str = "Snooze"
    cancel: str = "Cancel"
    close: str = "Close"
    matches: str = "Incidents that match all of the following are snoozed:"
    note_title: str = "Memo"  # at most 24 characters
    note_text: str = "What did you learn?"
    note_submit: str = "Keep"
    note_kept: str = "Shown here, and the next time that this happens."  # its readers
    memos: str = "Memos"
    members: str = "Grouped findings"
    callers: str = "Called by"
    suspects: str = "Clients and tenants"
    reasons: str = "Throttling reasons"
    causes: str = "Likely causes"
    examples: str = "Requests"  # requests that illustrate an incident
    slowest: str = "Slowest"
    costliest: str = "Most capacity"
    trace: str = "trace"  # the text of a link
    score: str = "Score"
    interval: str = "Expected range"
    basis: str = "Baseline"
    weeks_used: str = "Weeks used (weeks ago)"
    weeks_left_out: str = "Weeks excluded (weeks ago)"
    completeness: str = "Data"
    limit: str = "Limit"
    growth: str = "Growth"
    identifiers: str = "Finding ID"
    fingerprint: str = "Fingerprint"
    follows: str = "Previous incident"
    match_accounts: str = "Account"
    match_services: str = "Service"
    match_scopes: str = "Scope"
    match_verdicts: str = "Verdict"
    match_measures: str = "Measure"
    # memos
    noted: str = "Noted"  # on this incident
    last_time: str = "Last time"  # on the one of its kind that was noted last
    earlier_time: str = "Earlier"  # on those before
    # an incident in Markdown
    links: str = "Links"
    actions: str = "What people did"  # the commands on it
    # pictures
    chart_now: str = "now"
    chart_last_week: str = "last week"
    chart_expected: str = "expected"
    chart_limit: str = "limit"
    chart_caption: str = "Last 4 hours"
    # the digest and the flood
    digest_small: str = "Certain, and too small to page"  # certain, and too small to page
    digest_hottest: str = "Hottest tables"
    digest_used: str = "Most used APIs, last 24 full hours vs. last week"
    digest_slowest: str = "Slowest APIs, highest p95 of the last 24 full hours vs. last week"
    digest_values: str = "Business values, last 24 full hours vs. last week"
    digest_costs: str = "Approximate cost, last 24 full hours vs. last week, 30 days vs. the 30 before"
    digest_costliest: str = "What costs most, last 24 full hours vs. last week"
    digest_snoozes: str = "Snoozes and silences ending soon"
    digest_held: str = "Resolved while held back"
    digest_precision: str = "Page precision"
    digest_baselines: str = "Baselines"
    by_verdict: str = "By verdict"
    by_account: str = "By account"
    most_severe: str = "Most severe"
    # answers
    silences: str = "Silences"
    no_silences: str = "No active silences."
    nothing_changed: str = "No changes."
    help: str = (
        "/uneri status · /uneri open · /uneri silence table:items 2h reason · /uneri silences · "
        "/uneri unsilence ID · /uneri note ID text · /uneri what-changed table:items 2h"
    )
    not_allowed: str = "You are not allowed to do this. Ask a Uneri operator."
    matches_nothing: str = (
        "No known incident matches. Check that the names are spelled as in Uneri's messages."
    )
    open_now: str = "Open"
    held_back: str = "Held back"
    last_message: str = "Last message"
    watermark: str = "Data up to"
    opened: str = "Opened"
    resolved: str = "Resolved"
    new_levels: str = "New levels"
    new_errors: str = "New errors"
    leaders: str = "New hottest tables"
    deployed: str = "Deployed or configured"
