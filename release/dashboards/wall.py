"""The wall: an overview of all accounts."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard

from release.dashboards.pages import page, variable
from release.dashboards.panels import Amount, Asked, banded, count, curves, listed, number, ranking, to_board

_ACCOUNTS: Final = 'account=~"$account"'
_OF_ALL: Final = f'kind="account",{_ACCOUNTS}'
_FOUND: Final = (
    "/?scope=${__data.fields.kind:percentencode}:${__data.fields.name:percentencode}"
    "&account=${__data.fields.account:percentencode}"
)
_SHARES: Final = "As a share of requests. Amber from the threshold of the board on."


def _observed(kind: str, measure: str) -> str:
    return f'uneri_observed{{kind="{kind}",{_ACCOUNTS},source_kind="",measure="{measure}"}}'


def _share(kind: str, measure: str) -> str:
    return f"sum({_observed(kind, measure)}) / sum({_observed(kind, 'requests')})"


def _most(kind: str, measure: str, together: str = "sum") -> str:
    return f"topk(10, {together} by (account, name) ({_observed(kind, measure)}))"


def wall() -> Dashboard:
    """Return the dashboard."""
    slowest = [
        Asked(f"max({_observed(kind, measure)})", legend)
        for kind, measure, legend in (
            ("service", "latency", "API"),
            ("function", "latency", "functions"),
            ("function", "latency_code", "their code"),
            ("table", "latency", "tables"),
        )
    ]

    def named(kind: str) -> str:
        name, account = (f"${{__field.labels.{label}:percentencode}}" for label in ("name", "account"))
        return f"/?scope={kind}:{name}&account={account}"

    panels = [
        number("Requests", "Of all accounts, a second.", f"sum({_observed('account', 'requests')})", "reqps"),
        number("User errors", _SHARES, _share("service", "errors_user"), "percentunit", 0.1),
        number("Backend errors", _SHARES, _share("account", "errors_backend"), "percentunit", 0.01),
        number("Fatal errors", "A minute.", f"60 * sum({_observed('account', 'errors_fatal')})", "short", 1),
        number("Throttles", "A minute.", f"60 * sum({_observed('account', 'throttles')})", "short", 1),
        count("Findings", "Series with an open one.", f"count(uneri_state{{{_ACCOUNTS}}})", 1),
        banded(
            "Requests a second",
            "What was observed, the same time last week, and what was expected. Of several accounts, the "
            "bounds are added up, which is a wider band than that of the board.",
            _OF_ALL,
            Amount("requests", "reqps"),
        ),
        curves(
            "Response times",
            "The p95 of the slowest service, function and table.",
            "ms",
            *slowest,
        ),
        ranking(
            "Written the most",
            "Tables, write capacity units a second, now.",
            "suffix: WCU/s",
            _most("table", "wcu"),
            to_board("On the board", named("table")),
        ),
        ranking(
            "Used the most",
            "Routes, requests a second, now.",
            "reqps",
            _most("route", "requests"),
            to_board("On the board", named("route")),
        ),
        ranking(
            "Slowest",
            "Routes, p95, now.",
            "ms",
            _most("route", "latency", "max"),
            to_board("On the board", named("route")),
        ),
        curves(
            "Concurrency",
            "Executions at the same time, of each account.",
            "short",
            Asked(f"sum by (account) ({_observed('account', 'busy')})", "{{account}}"),
            span=24,
        ),
        listed(
            "Open findings",
            "Series about which the judge has found something.",
            f"max by (kind, name, account, measure, verdict) (uneri_state{{{_ACCOUNTS}}})",
            ("kind", "name", "account", "measure", "verdict"),
            to_board("On the board", _FOUND),
        ),
    ]
    account = variable("account", 'uneri_observed{kind="account"}', "Account")
    about = "All accounts at a glance: load, errors, times, and what is not as expected."
    made = page("Uneri: Wall", about, "uneri-wall", f'kind=~"account|service|table",{_ACCOUNTS}', panels)
    account = account.multi(True).include_all(True).all_value(".*")  # those without an account, too
    return made.with_variable(account).link(to_board("On the board", "/"))
