"""How a dashboard is said here, and what Grafana gets of it.

In expressions `{backend}`, `{extractor}`, `{either}` and `{training}` stand for the release's pods, also before further
matchers: `spanloop_requests_total{backend,route="/predict"}`.
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
"""The end of a Deployment's pod: HASH-SUFFIX. Of a long name Kubernetes cuts the last dash away."""
PODS = {
    "backend": f"${{release}}-backend-{POD}",
    "extractor": f"${{release}}-extractor-{POD}",
    "either": f"${{release}}-(backend|extractor)-{POD}",
    # Of Jobs: asked for, from the CronJob, and by hand as the chart's notes say.
    "training": "${release}-(run|retrain|by-hand).*",
}
"""Namespace and pod are the labels that every way of scraping sets; pods are named after their release."""

Steps = tuple[tuple[str, float | None], ...]
"""Colours, each from a value on; None: from the least."""

FINE: Steps = (("green", None),)
"""For what is neither good nor bad."""


def worse_from(*limits: float) -> Steps:
    """Red from the last limit on, yellow from the one before."""
    return (*FINE, *zip(("yellow", "red")[-len(limits) :], limits, strict=True))


def better_from(*limits: float) -> Steps:
    """Green from the last limit on, yellow from the one before, else red."""
    return (("red", None), *zip(("yellow", "green")[-len(limits) :], limits, strict=True))


@dataclass(frozen=True)
class Panel:
    title: str
    about: str
    """What is seen, and what to make of it."""
    unit: str
    """As Grafana calls it."""
    queries: dict[str, str]
    """Legend to expression."""
    thresholds: Steps = FINE
    kind: Literal["lines", "bars", "number", "name", "gauges", "states"] = "lines"
    width: int = 8
    """Of 24 columns."""
    top: float | None = None
    """The end of the axis, where it is known."""
    nothing: str | None = None
    """What is said where there is no number."""


@dataclass(frozen=True)
class Board:
    title: str
    about: str
    rows: dict[str, list[Panel]]


def quantiles(histogram: str, *shares: float) -> dict[str, str]:
    """Quantiles of a histogram, `name{pods}`, over the release."""
    buckets = f"sum by (le) (rate({histogram.replace('{', '_bucket{', 1)}[$__rate_interval]))"
    return {f"p{share * 100:g}": f"histogram_quantile({share:g}, {buckets})" for share in shares}


def mean(histogram: str) -> dict[str, str]:
    """The mean of what a histogram, `name{pods}`, has observed."""
    total, count = (
        f"sum(rate({histogram.replace('{', f'_{part}{{', 1)}[$__rate_interval]))" for part in ("sum", "count")
    )
    return {"mean": f"{total} / {count}"}


def selected(expression: str) -> str:
    """An expression with the matchers of the pods in place of their names."""
    names = "|".join(PODS)
    return re.sub(
        rf"\{{({names})([,}}])", lambda found: f'{{namespace="$namespace",pod=~"{PODS[found[1]]}"{found[2]}', expression
    )


SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")


def build(board: Board) -> models.Dashboard:
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
    asked = {
        # A gauge that each backend always has.
        "namespace": ("label_values(spanloop_extractor_demand, namespace)", ""),
        # The metric's other owners are no backends, and fall away.
        "release": ('label_values(spanloop_extractor_demand{namespace="$namespace"}, pod)', "/^(.+)-backend-/"),
    }
    for name, (query, regex) in asked.items():
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
        # Without data, and where nothing was divided by nothing.
        text = models.ValueMappingResult(text=panel.nothing)
        unknown = models.DashboardSpecialValueMapOptions(models.SpecialValueMatch.NULL_AND_NAN, text)
        built.no_value(panel.nothing).mappings([models.SpecialValueMap(unknown)])
    for letter, (legend, expression) in zip("ABCDEF", panel.queries.items(), strict=False):
        query = prometheus.Dataquery().ref_id(letter).expr(selected(expression)).legend_format(legend)
        # A number is that of now: of a range it would be the last known, even where that is gone.
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
