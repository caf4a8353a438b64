"""Series on which each alert must fire, and series on which it must not."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

PODS = {
    "backend": ("here", "spanloop-backend-6d4cf56db6-x7k2p"),
    "second": ("here", "spanloop-backend-6d4cf56db6-9zq4d"),
    "extractor": ("here", "spanloop-extractor-7c9d8b5f44-m2n4q"),
    "elsewhere": ("elsewhere", "spanloop-backend-6d4cf56db6-x7k2p"),
    "neighbour": ("here", "spanloop-2-backend-6d4cf56db6-x7k2p"),
    "their_extractor": ("here", "spanloop-2-extractor-7c9d8b5f44-m2n4q"),
}
"""Owners of series, as (namespace, pod). `filled` puts them into a series' name in place of `{backend`."""

HOUR = 60
"""Samples in an hour: they are a minute apart."""


def filled(series: str) -> str:
    """A series with its owner's labels: `a{backend,b="c"}`."""
    return re.sub(
        r"\{(\w+)([,}])", lambda found: '{{namespace="{}",pod="{}"{}'.format(*PODS[found[1]], found[2]), series, count=1
    )


@dataclass(frozen=True)
class Case:
    """Series, and whether an alert fires on them."""

    alert: str
    why: str
    at: int
    """The minute at which the alert is evaluated."""
    series: dict[str, str]
    says: str = ""
    """The summary of the alert; empty if the alert must not fire."""
    labels: dict[str, str] = field(default_factory=dict)
    """Labels of the alert that are the series' own."""
    values: dict[str, Any] = field(default_factory=dict)


VERSION, DEMAND = "spanloop_live_version_info", "spanloop_extractor_demand"
REQUESTS = "spanloop_requests_total"
TEXTS = "spanloop_texts_total"
SUCCESS, FAILURE = "spanloop_run_last_success_timestamp_seconds", "spanloop_run_failed_timestamp_seconds"
PROGRESS = "spanloop_run_progressed_timestamp_seconds"
UNDONE = 'spanloop_rollouts_total{backend,outcome="undone"}'
REFUSED = 'spanloop_errors_total{backend,cause="signature"}'
ASLEEP = {"scaleToZero__enabled": True}

NONE_ANSWERS = "No version answers for spanloop; Label Studio gets no predictions."
FAILED = "The training run run-1 of spanloop has failed, or was not started."
FALL = "spanloop_acceptance_fall_probability"
FELL = "People keep fewer of the spans of spanloop's live version than of those of the version before it."
NOT_TRUSTED = "A version of spanloop was refused: it is not as somebody with a trusted key has signed it."
ROLLED_BACK = "The rollout of a new version of spanloop was undone; the previous version serves."


def predictions(status: str, values: str, who: str = "backend", route: str = "/predict") -> dict[str, str]:
    return {f'{REQUESTS}{{{who},route="{route}",status="{status}"}}': values}


def durations(histogram: str, of: str, **buckets: int) -> dict[str, str]:
    """A histogram's series, from the observations per minute up to each bound."""
    bounds = {name.removeprefix("le").replace("Inf", "+Inf"): a_minute for name, a_minute in buckets.items()}
    return {f'{histogram}_bucket{{{of},le="{le}"}}': f"0+{a_minute}x40" for le, a_minute in bounds.items()}


def predict(of: str = 'backend,route="/predict"', **buckets: int) -> dict[str, str]:
    return durations("spanloop_request_duration_seconds", of, **buckets)


def queue(of: str = "extractor", **buckets: int) -> dict[str, str]:
    return durations("spanloop_queue_wait_seconds", of, **buckets)


def failed(who: str, values: str, run: str = "run-1") -> dict[str, str]:
    return {f'{FAILURE}{{{who},run="{run}"}}': values}


def up(dependency: str, values: str, who: str = "backend") -> dict[str, str]:
    return {f'spanloop_dependency_up{{{who},dependency="{dependency}"}}': values}


def extractors(wanted: str, ready: str, who: str = "backend") -> dict[str, str]:
    return {f"spanloop_extractors_wanted{{{who}}}": wanted, f"spanloop_extractors_ready{{{who}}}": ready}


AWAY = [
    ("SpanloopRegistryAway", "registry", "The registry of spanloop does not answer, or refuses its credentials."),
    ("SpanloopLabelStudioAway", "label_studio", "Label Studio does not answer spanloop, or refuses its API key."),
    ("SpanloopApiServerAway", "api_server", "The Kubernetes API server does not answer the backend of spanloop."),
]
"""Alert, dependency and summary."""

BACKEND = {f"{DEMAND}{{backend}}": "0x90"}
ASKED = {f"{DEMAND}{{backend}}": "3x90"}
EXTRACTOR = {f'{VERSION}{{extractor,version="v1"}}': "1x90"}
OTHERS = {
    **{f"{DEMAND}{{{who}}}": "9x90" for who in ("elsewhere", "neighbour")},
    f'{VERSION}{{their_extractor,version="v1"}}': "1x90",
}

CASES = [
    *(
        Case("SpanloopNoVersionAnswers", why, 20, series, NONE_ANSWERS, values=values)
        for why, series, values in [
            ("nothing of the release is there", OTHERS, {}),
            ("the backend is gone", EXTRACTOR | OTHERS, {}),
            ("no extractor is ready", BACKEND | OTHERS, {}),
            ("texts wait and no extractor wakes", ASKED, ASLEEP),
            ("the backend is gone and the extractor asleep", OTHERS, ASLEEP),
        ]
    ),
    *(
        Case("SpanloopNoVersionAnswers", why, 20, series, values=values)
        for why, series, values in [
            ("both are there", BACKEND | EXTRACTOR, {}),
            ("another version answers", BACKEND | {f'{VERSION}{{extractor,version="v2"}}': "_x10 1x80"}, {}),
            ("it is away for three minutes", BACKEND | {f'{VERSION}{{extractor,version="v1"}}': "1x16 stale"}, {}),
            ("nobody asks a sleeping one", BACKEND, ASLEEP),
            ("others ask", BACKEND | OTHERS, ASLEEP),
        ]
    ),
    Case(
        "SpanloopPredictErrors",
        "one request of ten",
        20,
        {**predictions("200", "0+90x40"), **predictions("503", "0+10x40")},
        "10% of the predictions requested from spanloop fail.",
    ),
    Case(
        "SpanloopPredictErrors",
        "one text of five, in answers of 200",
        20,
        {
            **predictions("200", "0+10x40"),
            f'{TEXTS}{{backend,result="predicted"}}': "0+80x40",
            f'{TEXTS}{{backend,result="failed"}}': "0+20x40",
        },
        "20% of the predictions requested from spanloop fail.",
    ),
    *(
        Case("SpanloopPredictErrors", why, 20, series)
        for why, series in [
            ("one of a hundred", {**predictions("200", "0+99x40"), **predictions("503", "0+1x40")}),
            ("one, in a quiet hour", {**predictions("200", "0x40"), **predictions("503", "0x15 1x20")}),
            ("for five minutes", {**predictions("200", "0+9x40"), **predictions("503", "0x15 0+9x20")}),
            ("mistakes of who asks", {**predictions("200", "0+9x40"), **predictions("400", "0+9x40")}),
            ("another route", {**predictions("200", "0+9x40"), **predictions("500", "0+9x40", route="/setup")}),
            ("another release", {**predictions("200", "0+9x40"), **predictions("500", "0+9x40", "neighbour")}),
            ("no predictions", {**predictions("200", "7x40"), f'{TEXTS}{{backend,result="failed"}}': "7x40"}),
        ]
    ),
    Case(
        "SpanloopPredictSlow",
        "most take over a minute",
        30,
        predict(le30=1, le60=2, le90=12, leInf=12),
        "One prediction in twenty of spanloop takes 1m 28s or longer.",
    ),
    Case("SpanloopPredictSlow", "most are quick", 30, predict(le30=98, le60=98, le90=100, leInf=100)),
    Case("SpanloopPredictSlow", "another route", 30, predict('backend,route="/train"', le60=0, le90=9, leInf=9)),
    Case(
        "SpanloopPredictSlow", "another namespace", 30, predict('elsewhere,route="/predict"', le60=0, le90=9, leInf=9)
    ),
    Case("SpanloopPredictSlow", "not yet for long", 12, predict(le60=0, le90=9, leInf=9)),
    Case(
        "SpanloopQueueNearDeadline",
        "all wait long",
        20,
        queue(le60=0, le90=20, leInf=20),
        "Texts wait 1m 28s in the queue of spanloop; after 90 s they fail.",
    ),
    Case(
        "SpanloopQueueNearDeadline",
        "half a minute is long for this deadline",
        20,
        queue(le10=0, le30=20, leInf=20),
        "Texts wait 29s in the queue of spanloop; after 30 s they fail.",
        values={"backend__predictDeadline": 30, "monitoring__alerts__predictSlow__above": 20},
    ),
    Case("SpanloopQueueNearDeadline", "half a minute is not", 20, queue(le10=0, le30=20, le90=20, leInf=20)),
    Case("SpanloopQueueNearDeadline", "another release's queue", 20, queue("their_extractor", le60=0, le90=9, leInf=9)),
    *(
        Case("SpanloopRunFailed", why, at, series, FAILED, {"run": "run-1"})
        for why, at, series in [
            ("the first", 20, failed("backend", "_x10 600x80")),
            ("another long ago", HOUR + 20, failed("backend", "_x40 2400x80") | failed("backend", "60x90", "run-0")),
            ("again, with the same id", HOUR + 20, failed("backend", "600x30 1800x80")),
            ("before the record begins", 20, failed("backend", "600x90")),
            ("nobody leads for a moment", 23, failed("backend", "600x20 stale _x10")),
            (
                "another backend began to lead after it",
                40,
                {**failed("backend", "_x10 600x9 stale"), **failed("second", "_x20 600x70")},
            ),
        ]
    ),
    *(
        Case("SpanloopRunFailed", why, at, series)
        for why, at, series in [
            ("one did long ago", HOUR + 20, failed("backend", "_x10 600x90")),
            ("none has yet", HOUR + 20, BACKEND),
            ("it was forgotten", HOUR + 5, failed("backend", "600x50 stale")),
            ("others did", 20, {**failed("elsewhere", "600x90"), **failed("neighbour", "600x90")}),
            ("one succeeded", 20, {f"{SUCCESS}{{backend}}": "600x90"}),
        ]
    ),
    Case(
        "SpanloopRunStuck",
        "no progress since the start",
        40,
        {f"{PROGRESS}{{backend}}": "0x60"},
        "A training run of spanloop has made no progress for 40m 0s.",
    ),
    *(
        Case("SpanloopRunStuck", why, at, series)
        for why, at, series in [
            ("it gets on", 50, {f"{PROGRESS}{{backend}}": "0+60x60"}),
            (
                "one of two backends knows that it gets on",
                50,
                {f"{PROGRESS}{{backend}}": "0+60x60", f"{PROGRESS}{{second}}": "0x60"},
            ),
            ("no run is active", 50, {f"{PROGRESS}{{backend}}": "0x9 stale"}),
            ("not for long yet", 33, {f"{PROGRESS}{{backend}}": "0x60"}),
            ("another release's", 50, {f"{PROGRESS}{{neighbour}}": "0x60", f"{PROGRESS}{{elsewhere}}": "0x60"}),
        ]
    ),
    *(
        Case("SpanloopRolloutUndone", why, at, series, ROLLED_BACK)
        for why, at, series in [
            ("the first", 20, {UNDONE: "0x10 1x80"}),
            ("one more", 20, {UNDONE: "4x10 5x80"}),
            (
                "the backend was replaced after it",
                40,
                {UNDONE: "0x10 1x9 stale", UNDONE.replace("backend", "second"): "_x20 0x70"},
            ),
        ]
    ),
    *(
        Case("SpanloopRolloutUndone", why, at, series)
        for why, at, series in [
            ("long ago", HOUR + 20, {UNDONE: "0x10 1x90"}),
            ("one is done", 20, {UNDONE: "0x90", 'spanloop_rollouts_total{backend,outcome="done"}': "0x10 1x80"}),
            ("others have", 20, {UNDONE.replace("backend", who): "0x10 1x80" for who in ("elsewhere", "neighbour")}),
            ("the backend was replaced", 40, {UNDONE: "2x20 stale", UNDONE.replace("backend", "second"): "_x20 0x70"}),
        ]
    ),
    *(
        Case("SpanloopSignatureRefused", why, at, series, NOT_TRUSTED)
        for why, at, series in [
            ("the pull refused it", 20, {REFUSED: "0x10 1x80"}),
            ("an extractor refuses it again and again", 20, {REFUSED.replace("backend", "extractor"): "1+2x80"}),
        ]
    ),
    *(
        Case("SpanloopSignatureRefused", why, at, series)
        for why, at, series in [
            ("long ago", HOUR + 20, {REFUSED: "0x10 1x90"}),
            ("another cause", 20, {REFUSED: "0x90", REFUSED.replace("signature", "registry"): "0x10 1x80"}),
            ("others have", 20, {REFUSED.replace("backend", who): "0x10 1x80" for who in ("elsewhere", "neighbour")}),
            ("others' extractors have", 20, {REFUSED.replace("backend", "their_extractor"): "0x10 1x80"}),
        ]
    ),
    *(
        Case("SpanloopAcceptanceFell", why, at, series, FELL, values=values)
        for why, at, series, values in [
            ("it is nearly certain", 40, {f"{FALL}{{backend}}": "0.5x9 0.995x90"}, {}),
            ("the lead changes", 40, {f"{FALL}{{backend}}": "0.999x37 stale", f"{FALL}{{second}}": "_x40 0.999x9"}, {}),
            (
                "it is likely, which is enough here",
                40,
                {f"{FALL}{{backend}}": "0.96x90"},
                {"monitoring__alerts__acceptanceFell__above": 0.95},
            ),
        ]
    ),
    *(
        Case("SpanloopAcceptanceFell", why, 40, series)
        for why, series in [
            ("it is likely", {f"{FALL}{{backend}}": "0.96x90"}),
            ("not for long yet", {f"{FALL}{{backend}}": "0.5x30 0.999x90"}),
            ("the version was rolled back", {f"{FALL}{{backend}}": "0.999x30 stale"}),
            ("too few tasks are annotated", BACKEND),
            ("others keep less", {f"{FALL}{{{who}}}": "0.999x90" for who in ("elsewhere", "neighbour")}),
        ]
    ),
    *(
        Case("SpanloopExtractorsMissing", why, 40, series, says)
        for why, series, says in [
            (
                "none is ready",
                extractors("2x90", "0x90"),
                "2 of the extractors that spanloop should have are not ready.",
            ),
            (
                "the lead changes",
                extractors("2x37 stale", "1x37 stale") | extractors("_x40 2x90", "_x40 1x90", "second"),
                "1 of the extractors that spanloop should have are not ready.",
            ),
        ]
    ),
    *(
        Case("SpanloopExtractorsMissing", why, 40, series)
        for why, series in [
            ("all are ready", extractors("2x90", "2x90")),
            ("it rests", extractors("0x90", "0x90")),
            ("not for long yet", extractors("1x30 2x90", "1x90")),
            ("others lack them", extractors("2x90", "0x90", "elsewhere") | extractors("2x90", "0x90", "neighbour")),
        ]
    ),
    *(
        Case(alert, why, 40, series, says)
        for alert, dependency, says in AWAY
        for why, series in [
            ("it is away", up(dependency, "1x20 0x90")),
            ("one of two backends does not reach it", up(dependency, "1x90") | up(dependency, "0x90", "second")),
        ]
    ),
    *(
        Case(alert, why, 40, series)
        for alert, dependency, _ in AWAY
        for why, series in [
            ("it answers", up(dependency, "1x90")),
            ("it was away for five minutes", up(dependency, "1x20 0x5 1x90")),
            ("it is not set", BACKEND),
            ("another is away", up("another", "0x90") | up(dependency, "1x90")),
            ("others do not reach it", up(dependency, "0x90", "elsewhere") | up(dependency, "0x90", "neighbour")),
        ]
    ),
]
