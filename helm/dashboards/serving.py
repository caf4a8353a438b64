"""What answers Label Studio: for who is on call, and for who tunes the model."""

from __future__ import annotations

from limits import ALERTS, DEADLINE
from panels import Board, Panel, better_from, mean, quantiles, worse_from

ERRORS = worse_from(ALERTS["predictErrors"]["above"] / 5, ALERTS["predictErrors"]["above"])
SLOW = worse_from(ALERTS["predictSlow"]["above"], DEADLINE)
QUEUE = worse_from(DEADLINE / 3, ALERTS["queueNearDeadline"]["above"] * DEADLINE)


REQUESTS = 'sum(rate(spanloop_requests_total{backend,route="/predict"}[$__rate_interval]))'
# Before the first error there is no series of one.
REQUEST_ERRORS = (
    'sum(rate(spanloop_requests_total{backend,route="/predict",status=~"5.."}[$__rate_interval]))'
    f" / {REQUESTS} or 0 * {REQUESTS}"
)
TEXT_ERRORS = (
    'sum(rate(spanloop_texts_total{backend,result="failed"}[$__rate_interval]))'
    " / sum(rate(spanloop_texts_total{backend}[$__rate_interval]))"
)

ROLLOUTS = Panel(
    "Rollouts",
    "Versions that were brought into service, and those that were taken back, their pods not being ready in time.",
    "short",
    {"{{outcome}}": "sum by (outcome) (increase(spanloop_rollouts_total{backend}[$__rate_interval]))"},
    kind="bars",
)

NOW = [
    Panel(
        "Version that serves",
        "The version that the backend names to Label Studio; during a rollout still the old one.",
        "none",
        {"{{version}}": "max by (version) (spanloop_live_version_info{backend})"},
        better_from(1),
        kind="name",
        nothing="none: the backend is gone",
    ),
    Panel(
        "Extractors that answer",
        "Pods whose model is loaded. None is right with scaleToZero while nobody asks; else /predict fails.",
        "none",
        {"extractors": "sum(spanloop_live_version_info{extractor})"},
        better_from(1),
        kind="number",
        width=4,
        nothing="0",
    ),
    Panel(
        "Errors of /predict",
        "Share of requests that are answered with 5xx. Label Studio shows nothing of it to annotators.",
        "percentunit",
        {"errors": REQUEST_ERRORS},
        ERRORS,
        kind="number",
        width=4,
        nothing="no requests",
    ),
    Panel(
        "p95 of /predict",
        "One of twenty requests takes longer. A request holds many texts, so seconds are no wonder.",
        "s",
        quantiles('spanloop_request_duration_seconds{backend,route="/predict"}', 0.95),
        SLOW,
        kind="number",
        width=4,
        nothing="no requests",
    ),
    Panel(
        "Texts that wait",
        "Texts that the backends want an answer for: what the extractors are scaled by.",
        "short",
        {"texts": "sum(spanloop_extractor_demand{backend})"},
        kind="number",
        width=4,
    ),
]

ASKED = [
    Panel(
        "Requests",
        "By route and status. 4xx are mistakes of who asks, 5xx are ours.",
        "reqps",
        {
            "{{route}} {{status}}": "sum by (route, status) (rate("
            'spanloop_requests_total{backend,route!="/metrics"}[$__rate_interval]))'
        },
    ),
    Panel(
        "Duration of /predict",
        "At the red line (backend.predictDeadline) what is left gets an error, and Label Studio gives up 10 s later.",
        "s",
        quantiles('spanloop_request_duration_seconds{backend,route="/predict"}', 0.5, 0.95, 0.99),
        SLOW,
    ),
    Panel(
        "Duration of /health and /setup (p95)",
        "Label Studio waits 1 s for /health (yellow) and 3 s for /setup (red), and shows the model as gone after that.",
        "s",
        {
            "{{route}}": "histogram_quantile(0.95, sum by (le, route) (rate("
            'spanloop_request_duration_seconds_bucket{backend,route=~"/health|/setup"}[$__rate_interval])))'
        },
        worse_from(1, 3),
    ),
    Panel(
        "Texts",
        "Tasks that predictions were asked for, by how they ended.",
        "cps",
        {"{{result}}": "sum by (result) (rate(spanloop_texts_total{backend}[$__rate_interval]))"},
    ),
    Panel(
        "Share of errors",
        "Requests with 5xx; texts with an error in place of spans: too long, unreadable, or not reached in time.",
        "percentunit",
        {"requests": REQUEST_ERRORS, "texts": TEXT_ERRORS},
        ERRORS,
    ),
    Panel(
        "Errors by cause",
        "Of backend and extractor together. docs/metrics.md explains the causes; the logs say what happened.",
        "cps",
        {"{{cause}}": "sum by (cause) (rate(spanloop_errors_total{either}[$__rate_interval]))"},
    ),
]

EXTRACTOR = [
    Panel(
        "What waits",
        "Texts that backends wait for, texts in the extractors' queues, and /predict requests under way.",
        "short",
        {
            "wanted by the backends": "sum(spanloop_extractor_demand{backend})",
            "in the queues": "sum(spanloop_texts_queued{extractor})",
            "requests": 'sum(spanloop_requests_in_flight{backend,route="/predict"})',
        },
    ),
    Panel(
        "Answer of an extractor",
        "Seconds that a request of the backend takes there, the wait for a pod that wakes or is busy included.",
        "s",
        quantiles("spanloop_extractor_wait_seconds{backend}", 0.5, 0.95),
        QUEUE,
    ),
    Panel(
        "Wait in the queue",
        "Seconds of a text from its arrival to the model. At the red line an alert says that the deadline is near.",
        "s",
        quantiles("spanloop_queue_wait_seconds{extractor}", 0.5, 0.95),
        QUEUE,
    ),
    Panel(
        "Windows in a batch",
        "Texts are cut into windows, and run in batches of up to 16. Few in a batch while texts wait: tokens fill it.",
        "short",
        {**mean("spanloop_batch_items{extractor}"), **quantiles("spanloop_batch_items{extractor}", 0.95)},
    ),
    Panel(
        "Tokens in a batch",
        "What memory and time of a batch depend on.",
        "short",
        {**mean("spanloop_batch_tokens{extractor}"), **quantiles("spanloop_batch_tokens{extractor}", 0.95)},
    ),
    Panel(
        "Duration of a batch",
        "Seconds that the model computes. Rising with the same tokens: the processor is throttled or shared.",
        "s",
        quantiles("spanloop_batch_duration_seconds{extractor}", 0.5, 0.95),
    ),
    Panel(
        "How busy the models are",
        "Share of time in which a pod's model computes. Near 100 % texts begin to wait: time for another pod.",
        "percentunit",
        {"{{pod}}": "sum by (pod) (rate(spanloop_batch_duration_seconds_sum{extractor}[$__rate_interval]))"},
        worse_from(0.8, 0.95),
        top=1,
    ),
    Panel(
        "Tokens a second",
        "What a pod gets done: compare processors, GPUs and models by it.",
        "cps",
        {"{{pod}}": "sum by (pod) (rate(spanloop_batch_tokens_sum{extractor}[$__rate_interval]))"},
    ),
    Panel(
        "Loading the model",
        "Seconds until a new pod's model answers. Beyond the red line a start alone alerts that no version answers.",
        "s",
        {"{{pod}}": "max by (pod) (spanloop_model_load_seconds{extractor})"},
        worse_from(300),
    ),
]

FOUND = [
    Panel(
        "Entities by label",
        "Spans found. A label that stops where texts go on wants a look: at its wording, or at the new version.",
        "cps",
        {"{{label}}": "sum by (label) (rate(spanloop_entities_total{extractor}[$__rate_interval]))"},
        width=12,
    ),
    Panel(
        "Scores of entities",
        "How sure the model is of what it finds. Sinking without a rollout: the texts are new, and worth annotating.",
        "percentunit",
        quantiles("spanloop_entity_score{extractor}", 0.1, 0.5, 0.9),
        width=12,
        top=1,
    ),
]

MOVED = [
    Panel(
        "Pods by version",
        "Extractors that answer with each version: a rollout is one line falling as another rises.",
        "short",
        {"{{version}}": "sum by (version) (spanloop_live_version_info{extractor})"},
    ),
    ROLLOUTS,
    Panel(
        "Wakes and sleeps",
        "The extractor taken from zero, and whether it answered in time. Very often: scaleToZero.idleSeconds is short.",
        "short",
        {
            "woken, {{outcome}}": "sum by (outcome) (increase(spanloop_wakeups_total{backend}[$__rate_interval]))",
            "put to sleep": "sum(increase(spanloop_sleeps_total{backend}[$__rate_interval]))",
        },
        kind="bars",
    ),
]

SERVING = Board(
    "Spanloop / Serving",
    "Predictions for Label Studio: the backend, the extractors and the model in them.",
    {
        "Now": NOW,
        "What Label Studio asks": ASKED,
        "The extractor": EXTRACTOR,
        "What is found": FOUND,
        "Versions and scale": MOVED,
    },
)
