"""Dashboards as data, and the Grafana dashboards that are built from them.

In expressions `{backend}`, `{extractor}`, `{either}`, `{training}` and `{prelabel}` select the release's pods. More
matchers may follow: `spanloop_requests_total{backend,route="/predict"}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as models

POD = "[^-]+(-[^-]+)?"
"""The end of a Deployment pod's name: HASH-SUFFIX. Kubernetes cuts the last dash from a long name."""
PODS = {
    "backend": f"${{release}}-backend-{POD}",
    "extractor": f"${{release}}-extractor-{POD}",
    "either": f"${{release}}-(backend|extractor)-{POD}",
    # The Jobs that the backend, the CronJob and a person (with the command in the chart's notes) create.
    "training": "${release}-(run|retrain|by-hand).*",
    "prelabel": "${release}-prelabel-.*",
}
"""Names of pods by component. The labels namespace and pod are on every metric, however it is scraped."""

Steps = tuple[tuple[str, float | None], ...]
"""Colours, each with the value from which it holds. The first has no such value (None)."""

FINE: Steps = (("green", None),)
"""For a panel whose values are neither good nor bad."""


def worse_from(*limits: float) -> Steps:
    """Red from the last limit on, yellow from the limit before it, otherwise green."""
    return (*FINE, *zip(("yellow", "red")[-len(limits) :], limits, strict=True))


def better_from(*limits: float) -> Steps:
    """Green from the last limit on, yellow from the limit before it, otherwise red."""
    return (("red", None), *zip(("yellow", "green")[-len(limits) :], limits, strict=True))


@dataclass(frozen=True)
class Panel:
    """One panel of a dashboard."""

    title: str
    about: str
    """The description: what the panel shows and when to act."""
    unit: str
    """Grafana's id of the unit."""
    queries: dict[str, str]
    """Expressions in PromQL by legend, six at most."""
    thresholds: Steps = FINE
    kind: Literal["lines", "bars", "number", "name", "gauges", "states"] = "lines"
    width: int = 8
    """Columns, of 24."""
    top: float | None = None
    """The upper end of the axis; None: Grafana chooses it."""
    nothing: str | None = None
    """The text that is shown without data; None: Grafana's own."""


@dataclass(frozen=True)
class Board:
    """One dashboard: its panels by the title of their row."""

    title: str
    about: str
    rows: dict[str, list[Panel]]


def quantiles(histogram: str, *shares: float) -> dict[str, str]:
    """Expressions for quantiles of a histogram `name{pods}` over all its pods. `shares` are in (0, 1)."""
    buckets = f"sum by (le) (rate({histogram.replace('{', '_bucket{', 1)}[$__rate_interval]))"
    return {f"p{share * 100:g}": f"histogram_quantile({share:g}, {buckets})" for share in shares}


def mean(histogram: str) -> dict[str, str]:
    """The expression for the mean of a histogram `name{pods}` over all its pods."""
    total, count = (
        f"sum(rate({histogram.replace('{', f'_{part}{{', 1)}[$__rate_interval]))" for part in ("sum", "count")
    )
    return {"mean": f"{total} / {count}"}


def selected(expression: str) -> str:
    """The expression with matchers of namespace and pod in place of the components' names."""
    names = "|".join(PODS)
    return re.sub(
        rf"\{{({names})([,}}])", lambda found: f'{{namespace="$namespace",pod=~"{PODS[found[1]]}"{found[2]}', expression
    )


SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")


def build(board: Board) -> models.Dashboard:
    """Grafana's dashboard for a board."""
    name = board.title.split(" / ")[1].lower()
    built = (
        dashboard.Dashboard(board.title)
        .uid(f"spanloop-{name}")
        .description(board.about)
        .tags(["spanloop"])
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time("now-6h", "now")
        .refresh("30s")
        .link(
            dashboard.DashboardLink("Spanloop")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags(["spanloop"])
            .include_vars(True)
            .keep_time(True)
        )
        .variables(list(_variables()))
    )
    ids = iter(range(1, 1000))
    for title, panels in board.rows.items():
        built.with_row(dashboard.Row(title).id(next(ids)))
        for panel in panels:
            built.with_panel(_panel(panel, next(ids)))
    return built.build()


def _variables() -> Iterator[dashboard.DatasourceVariable | dashboard.QueryVariable]:
    yield dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
    queries = {
        # Every backend always has this gauge.
        "namespace": ("label_values(spanloop_extractor_demand, namespace)", ""),
        # The regex drops pods that are no backends.
        "release": ('label_values(spanloop_extractor_demand{namespace="$namespace"}, pod)', "/^(.+)-backend-/"),
    }
    for name, (query, regex) in queries.items():
        yield (
            dashboard.QueryVariable(name)
            .label(name.capitalize())
            .datasource(SOURCE)
            .query(query)
            .regex(regex)
            .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(models.VariableSort.ALPHABETICAL_ASC)
        )


Builder = timeseries.Panel | stat.Panel | bargauge.Panel | statetimeline.Panel


def _panel(panel: Panel, number: int) -> Builder:
    steps = [models.Threshold(value, color) for color, value in panel.thresholds]
    built = (
        _of_kind(panel)
        .id(number)
        .title(panel.title)
        .description(panel.about)
        .datasource(SOURCE)
        .unit(panel.unit)
        .thresholds(dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
        .span(panel.width)
        .height(5 if panel.kind in ("number", "name") else 8)
    )
    if panel.kind != "states":
        built.min(0)
    if panel.top is not None:
        built.max(panel.top)
    if panel.nothing is not None:
        # Null: there is no data. NaN: zero was divided by zero.
        text = models.ValueMappingResult(text=panel.nothing)
        unknown = models.DashboardSpecialValueMapOptions(models.SpecialValueMatch.NULL_AND_NAN, text)
        built.no_value(panel.nothing).mappings([models.SpecialValueMap(unknown)])
    for letter, (legend, expression) in zip("ABCDEF", panel.queries.items(), strict=False):
        query = prometheus.Dataquery().ref_id(letter).expr(selected(expression)).legend_format(legend)
        # Numbers come from an instant query. A range query would show the last value of a series that is gone.
        built.with_target(query.instant() if panel.kind in ("number", "name", "gauges") else query.range())
    return built


def _of_kind(panel: Panel) -> Builder:
    last = common.ReduceDataOptions().calcs(["lastNotNull"])
    number = stat.Panel().reduce_options(last).graph_mode(options.BigValueGraphMode.NONE)
    match panel.kind:
        case "number":
            return number
        case "name":
            return number.text_mode(options.BigValueTextMode.NAME)
        case "gauges":
            return bargauge.Panel().reduce_options(last).orientation(options.VizOrientation.HORIZONTAL).decimals(3)
        case "states":
            thresholds = dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)
            return statetimeline.Panel().color_scheme(thresholds).show_value(options.VisibilityMode.NEVER)
        case "bars":
            return _graph(panel).draw_style(options.GraphDrawStyle.BARS).fill_opacity(80)
        case "lines":
            return _graph(panel).fill_opacity(10)


def _graph(panel: Panel) -> timeseries.Panel:
    dashed = (
        options.GraphTresholdsStyleMode.DASHED if len(panel.thresholds) > 1 else options.GraphTresholdsStyleMode.OFF
    )
    return (
        timeseries.Panel()
        .thresholds_style(common.GraphThresholdsStyleConfig().mode(dashed))
        .tooltip(common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI))
        .legend(
            common.VizLegendOptions()
            .display_mode(options.LegendDisplayMode.LIST)
            .placement(options.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )
