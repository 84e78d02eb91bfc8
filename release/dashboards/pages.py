"""The common parts of all dashboards: their variables, their links, their annotations."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders.dashboard import (
    AnnotationQuery,
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    QueryVariable,
    TextBoxVariable,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    Panel,
    VariableRefresh,
    VariableSort,
)

from release.dashboards.panels import RED, SOURCE, PanelBuilder, to_board

TAG: Final = "uneri"
BOARD: Final = "http://127.0.0.1:8765"
OF_SCOPE: Final = 'account="$account",name="$name"'


def page(title: str, about: str, uid: str, findings: str, panels: Sequence[PanelBuilder]) -> Dashboard:
    """Return a dashboard without variables of its own. ``findings`` are labels of those that it marks."""
    made = (
        Dashboard(title)
        .uid(uid)
        .description(about)
        .tags([TAG])
        .timezone("browser")
        .time("now-4h", "now")
        .refresh("1m")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(TextBoxVariable("board").label("Board").default_value(BOARD))
        .link(
            DashboardLink("Uneri")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .keep_time(True)
            .icon("external link")
        )
        .annotation(
            AnnotationQuery()
            .name("Findings")
            .datasource(SOURCE)
            .enable(True)
            .icon_color(RED)
            .expr(f"max by (kind, name, measure, verdict) (uneri_state{{{findings}}})")
        )
    )
    for number, panel in enumerate(panels, start=1):
        built = panel.build()
        built.id_val = number
        made = made.with_panel(_Built(built))
    return made


class _Built(Builder[Panel]):
    """A panel that is made already."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel

    def build(self) -> Panel:
        return self._panel


def scope_page(kind: str, panels: Sequence[PanelBuilder]) -> Dashboard:
    """Return the dashboard of one scope of a kind, which is chosen by its account and its name."""
    title = kind.capitalize()
    address = f"/?scope={kind}:${{name:percentencode}}&account=${{account:percentencode}}"
    about = f"One {kind}: what it does, what was expected of it, and who makes it do so."
    made = page(f"Uneri: {title}", about, f"uneri-{kind}", f'kind="{kind}",{OF_SCOPE}', panels)
    account = variable("account", f'uneri_observed{{kind="{kind}"}}', "Account")
    name = variable("name", f'uneri_observed{{kind="{kind}",account="$account"}}', title)
    return made.with_variable(account).with_variable(name).link(to_board("On the board", address))


def variable(label: str, series: str, title: str) -> QueryVariable:
    """Return a variable with the values of a label."""
    return (
        QueryVariable(label)
        .label(title)
        .datasource(SOURCE)
        .query(f"label_values({series}, {label})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )
