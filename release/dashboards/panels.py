"""The panels that the dashboards for Grafana are made of."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from grafana_foundation_sdk.builders import bargauge, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.common import ReduceDataOptions, StackingConfig, VizTooltipOptions
from grafana_foundation_sdk.builders.dashboard import DashboardLink, FieldColor, ThresholdsConfig
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery as AnyQuery
from grafana_foundation_sdk.models.common import (
    BigValueGraphMode,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Panel,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE: Final = DataSourceRef(type_val="prometheus", uid="$datasource")
RANGE: Final = "from=${__from:date:seconds}&to=${__to:date:seconds}"
"""The end of an address of the board, so that it shows the same range."""

PanelBuilder = Builder[Panel]

BAND: Final = ("lower", "upper")
AMBER, RED = "orange", "red"


class Asked(NamedTuple):
    """A query, and how its lines are called."""

    query: str
    legend: str
    instant: bool = False


class Amount(NamedTuple):
    """A measure, how its series are combined, and its unit."""

    measure: str
    unit: str
    together: str = "sum"  # of times: max


def queries(*asked: Asked, as_table: bool = False) -> list[Builder[AnyQuery]]:
    """Return the targets of a panel, named A, B and so on."""
    made: list[Builder[AnyQuery]] = []
    for place, query in enumerate(asked):
        target = Dataquery().datasource(SOURCE).expr(query.query).ref_id(chr(ord("A") + place))
        target = target.instant() if query.instant else target.range()
        if as_table:
            target = target.format(PromQueryFormat.TABLE)
        made.append(target.legend_format(query.legend))
    return made


def to_board(title: str, address: str) -> DashboardLink:
    """Return a link to an address of the board, over the range that is looked at."""
    link = DashboardLink(title).type(DashboardLinkType.LINK).icon("external link").target_blank(True)
    return link.url(f"${{board}}{address}{'&' if '?' in address else '?'}{RANGE}")


def _data_link(link: DashboardLink) -> dict[str, object]:
    made = link.build()
    return {"title": made.title, "url": made.url, "targetBlank": made.target_blank}


def number(title: str, about: str, query: str, unit: str, amber: float | None = None) -> PanelBuilder:
    """Return a big number of now, a dash when it is not known, with its curve; amber from a threshold on."""
    made = _number(title, about, unit, amber).no_value("–").graph_mode(BigValueGraphMode.AREA)
    return made.targets(queries(Asked(query, title)))


def count(title: str, about: str, query: str, amber: float) -> PanelBuilder:
    """Return how many there are now: none, if none are."""
    made = _number(title, about, "short", amber).no_value("none").graph_mode(BigValueGraphMode.NONE)
    return made.targets(queries(Asked(query, title, instant=True)))


def _number(title: str, about: str, unit: str, amber: float | None) -> stat.Panel:
    steps = [Threshold(None, "text"), *([] if amber is None else [Threshold(amber, AMBER)])]
    return (
        stat.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .unit(unit)
        .span(4)
        .height(5)
        .reduce_options(ReduceDataOptions().calcs(["last"]))  # what ended is not that of now
        .thresholds(ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    )


def banded(title: str, about: str, labels: str, amount: Amount, *, span: int = 12) -> PanelBuilder:
    """Return a curve over what was expected, and over the same time last week."""
    of_scope = f'{labels},source_kind="",measure="{amount.measure}"'

    def series(metric: str, legend: str, offset: str = "") -> Asked:
        return Asked(f"{amount.together}(uneri_{metric}{{{of_scope}}}{offset})", legend)

    panel = _curves(title, about, amount.unit, span).targets(
        queries(
            series("lower", "lower"),
            series("upper", "upper"),
            series("expected", "expected"),
            series("observed", "last week", " offset 1w"),
            series("observed", "observed"),
        )
    )
    for name in BAND:
        panel = panel.override_by_name(name, list(_edge_of_band(name)))
    for name, style, dash, colour in (
        ("expected", "dash", [10, 10], "gray"),
        ("last week", "dot", [0, 10], "semi-dark-blue"),
    ):
        panel = panel.override_by_name(
            name,
            [
                DynamicConfigValue("custom.lineStyle", {"fill": style, "dash": dash}),
                DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour}),
            ],
        )
    return panel.override_by_name(
        "observed",
        [
            DynamicConfigValue("custom.lineWidth", 2),
            DynamicConfigValue("color", {"mode": "fixed", "fixedColor": "blue"}),
        ],
    )


def _edge_of_band(name: str) -> Iterator[DynamicConfigValue]:
    yield DynamicConfigValue("custom.lineWidth", 0)
    yield DynamicConfigValue("color", {"mode": "fixed", "fixedColor": "gray"})
    yield DynamicConfigValue("custom.hideFrom", {"legend": True, "tooltip": False, "viz": False})
    if name == "upper":
        yield DynamicConfigValue("custom.fillBelowTo", "lower")
        yield DynamicConfigValue("custom.fillOpacity", 15)


def curves(title: str, about: str, unit: str, *asked: Asked, span: int = 12) -> PanelBuilder:
    """Return curves side by side."""
    return _curves(title, about, unit, span).targets(queries(*asked))


def stacked(title: str, about: str, unit: str, asked: Asked, *, span: int = 12) -> PanelBuilder:
    """Return curves on top of each other: what they add up to, and who has most of it."""
    panel = _curves(title, about, unit, span).targets(queries(asked))
    return panel.stacking(StackingConfig().mode(StackingMode.NORMAL).group("A")).fill_opacity(25)


def _curves(title: str, about: str, unit: str, span: int) -> timeseries.Panel:
    return (
        timeseries.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .unit(unit)
        .span(span)
        .height(9)
        .line_width(1)
        .show_points(VisibilityMode.NEVER)
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    )


def ranking(
    title: str, about: str, unit: str, query: str, link: DashboardLink, *, span: int = 8
) -> PanelBuilder:
    """Return those with the most now; each leads to its page."""
    return (
        bargauge.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .unit(unit)
        .span(span)
        .height(9)
        .orientation(VizOrientation.HORIZONTAL)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .color_scheme(FieldColor().mode(FieldColorModeId.FIXED).fixed_color("blue"))
        .data_links([link])
        .targets(queries(Asked(query, "{{name}}", instant=True)))
    )


def states(labels: str, *, span: int = 24) -> PanelBuilder:
    """Return when findings were open, a row for each measure and verdict."""
    return (
        statetimeline.Panel()
        .title("Findings")
        .description("While a finding of the judge was open: the measure, and the verdict.")
        .datasource(SOURCE)
        .span(span)
        .height(6)
        .no_value("nothing is open")
        .merge_values(True)
        .mappings([ValueMap({"1": ValueMappingResult(text="open", color=RED)})])
        .targets(
            queries(Asked(f"max by (measure, verdict) (uneri_state{{{labels}}})", "{{measure}}: {{verdict}}"))
        )
    )


def listed(title: str, about: str, query: str, columns: Sequence[str], link: DashboardLink) -> PanelBuilder:
    """Return a table of series, of which the labels ``columns`` are shown."""
    shown = {name: place for place, name in enumerate(columns)}
    return (
        table.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .span(24)
        .height(8)
        .no_value("nothing is open")
        .targets(queries(Asked(query, "", instant=True), as_table=True))
        .with_transformation(
            DataTransformerConfig(
                id_val="organize",
                options={"excludeByName": {"Time": True, "Value": True}, "indexByName": shown},
            )
        )
        .override_by_name("name", [DynamicConfigValue("links", [_data_link(link)])])
    )
