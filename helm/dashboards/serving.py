"""The dashboard of predictions, for people who are on call or improve the model."""

from __future__ import annotations

from limits import ALERTS, DEADLINE
from panels import Board, Panel, better_from, mean, quantiles, worse_from

ERRORS = worse_from(ALERTS["predictErrors"]["above"] / 5, ALERTS["predictErrors"]["above"])
SLOW = worse_from(ALERTS["predictSlow"]["above"], DEADLINE)
QUEUE = worse_from(DEADLINE / 3, ALERTS["queueNearDeadline"]["above"] * DEADLINE)


REQUESTS = 'sum(rate(spanloop_requests_total{backend,route="/predict"}[$__rate_interval]))'
# The series of errors does not exist before the first error.
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
    "Rollouts of versions. done: the version serves. undone: its pods were not ready in time.",
    "short",
    {"{{outcome}}": "sum by (outcome) (increase(spanloop_rollouts_total{backend}[$__rate_interval]))"},
    kind="bars",
)

NOW = [
    Panel(
        "Version that serves",
        "The version that the backend names to Label Studio. During a rollout it is the old one.",
        "none",
        {"{{version}}": "max by (version) (spanloop_live_version_info{backend})"},
        better_from(1),
        kind="name",
        nothing="none: the backend is gone",
    ),
    Panel(
        "Extractors that answer",
        "Pods whose model is loaded. With scaleToZero, 0 is normal without requests; otherwise /predict fails.",
        "none",
        {"extractors": "sum(spanloop_live_version_info{extractor})"},
        better_from(1),
        kind="number",
        width=4,
        nothing="0",
    ),
    Panel(
        "Errors of /predict",
        "Share of requests with a 5xx answer. Label Studio does not show these errors to annotators.",
        "percentunit",
        {"errors": REQUEST_ERRORS},
        ERRORS,
        kind="number",
        width=4,
        nothing="no requests",
    ),
    Panel(
        "p95 of /predict",
        "One request in twenty takes longer. A request holds many texts, so several seconds are normal.",
        "s",
        quantiles('spanloop_request_duration_seconds{backend,route="/predict"}', 0.95),
        SLOW,
        kind="number",
        width=4,
        nothing="no requests",
    ),
    Panel(
        "Texts that wait",
        "Texts for which the backends await an answer. The autoscaler follows this number.",
        "short",
        {"texts": "sum(spanloop_extractor_demand{backend})"},
        kind="number",
        width=4,
    ),
]

ASKED = [
    Panel(
        "Requests",
        "Requests by route and status. 4xx: the client made a mistake. 5xx: Spanloop failed.",
        "reqps",
        {
            "{{route}} {{status}}": "sum by (route, status) (rate("
            'spanloop_requests_total{backend,route!="/metrics"}[$__rate_interval]))'
        },
    ),
    Panel(
        "Duration of /predict",
        "At backend.predictDeadline (red) the remaining texts get errors. Label Studio gives up 10 s later.",
        "s",
        quantiles('spanloop_request_duration_seconds{backend,route="/predict"}', 0.5, 0.95, 0.99),
        SLOW,
    ),
    Panel(
        "Duration of /health and /setup (p95)",
        "Label Studio waits 1 s for /health (yellow) and 3 s for /setup (red), then shows the model as offline.",
        "s",
        {
            "{{route}}": "histogram_quantile(0.95, sum by (le, route) (rate("
            'spanloop_request_duration_seconds_bucket{backend,route=~"/health|/setup"}[$__rate_interval])))'
        },
        worse_from(1, 3),
    ),
    Panel(
        "Texts",
        "Texts for which predictions were requested, by result.",
        "cps",
        {"{{result}}": "sum by (result) (rate(spanloop_texts_total{backend}[$__rate_interval]))"},
    ),
    Panel(
        "Share of errors",
        "Requests with a 5xx answer, and texts without a prediction: too long, unreadable or not done in time.",
        "percentunit",
        {"requests": REQUEST_ERRORS, "texts": TEXT_ERRORS},
        ERRORS,
    ),
    Panel(
        "Errors by cause",
        "Errors of backend and extractor by cause. docs/metrics.md explains the causes; the logs have details.",
        "cps",
        {"{{cause}}": "sum by (cause) (rate(spanloop_errors_total{either}[$__rate_interval]))"},
    ),
]

EXTRACTOR = [
    Panel(
        "What waits",
        "Texts that the backends wait for, texts in the extractors' queues, and open /predict requests.",
        "short",
        {
            "wanted by the backends": "sum(spanloop_extractor_demand{backend})",
            "in the queues": "sum(spanloop_texts_queued{extractor})",
            "requests": 'sum(spanloop_requests_in_flight{backend,route="/predict"})',
        },
    ),
    Panel(
        "Answer of an extractor",
        "Seconds until an extractor answers the backend, including the wait for a pod to start or be free.",
        "s",
        quantiles("spanloop_extractor_wait_seconds{backend}", 0.5, 0.95),
        QUEUE,
    ),
    Panel(
        "Wait in the queue",
        "Seconds that a text waits in the extractor for the model. An alert fires at the red limit.",
        "s",
        quantiles("spanloop_queue_wait_seconds{extractor}", 0.5, 0.95),
        QUEUE,
    ),
    Panel(
        "Windows in a batch",
        "Texts are cut into windows, up to 16 in a batch. Batches are smaller if their windows are long.",
        "short",
        {**mean("spanloop_batch_items{extractor}"), **quantiles("spanloop_batch_items{extractor}", 0.95)},
    ),
    Panel(
        "Tokens in a batch",
        "Tokens per batch. Its memory and its duration depend on them.",
        "short",
        {**mean("spanloop_batch_tokens{extractor}"), **quantiles("spanloop_batch_tokens{extractor}", 0.95)},
    ),
    Panel(
        "Duration of a batch",
        "Seconds that the model computes. If they rise at equal tokens, the processor is throttled or shared.",
        "s",
        quantiles("spanloop_batch_duration_seconds{extractor}", 0.5, 0.95),
    ),
    Panel(
        "How busy the models are",
        "Share of time in which a pod's model computes. Near 100 % texts wait: add a pod.",
        "percentunit",
        {"{{pod}}": "sum by (pod) (rate(spanloop_batch_duration_seconds_sum{extractor}[$__rate_interval]))"},
        worse_from(0.8, 0.95),
        top=1,
    ),
    Panel(
        "Tokens a second",
        "Tokens per second of each pod. Compare processors, GPUs and models by this.",
        "cps",
        {"{{pod}}": "sum by (pod) (rate(spanloop_batch_tokens_sum{extractor}[$__rate_interval]))"},
    ),
    Panel(
        "Loading the model",
        "Seconds until a new pod's model answers. Beyond the red limit a start alone can fire NoVersionAnswers.",
        "s",
        {"{{pod}}": "max by (pod) (spanloop_model_load_seconds{extractor})"},
        worse_from(300),
    ),
]

FOUND = [
    Panel(
        "Entities by label",
        "Predicted spans per second. If a label stops while texts go on, check its wording or the new version.",
        "cps",
        {"{{label}}": "sum by (label) (rate(spanloop_entities_total{extractor}[$__rate_interval]))"},
        width=12,
    ),
    Panel(
        "Scores of entities",
        "Probability of predicted spans. If it sinks without a rollout, the texts have changed: annotate some.",
        "percentunit",
        quantiles("spanloop_entity_score{extractor}", 0.1, 0.5, 0.9),
        width=12,
        top=1,
    ),
]

MOVED = [
    Panel(
        "Pods by version",
        "Extractor pods by version. During a rollout one line falls and another rises.",
        "short",
        {"{{version}}": "sum by (version) (spanloop_live_version_info{extractor})"},
    ),
    ROLLOUTS,
    Panel(
        "Wakes and sleeps",
        "Scalings from zero, by whether a pod answered in time. If they are frequent, raise scaleToZero.idleSeconds.",
        "short",
        {
            "woken, {{outcome}}": "sum by (outcome) (increase(spanloop_wakeups_total{backend}[$__rate_interval]))",
            "put to sleep": "sum(increase(spanloop_sleeps_total{backend}[$__rate_interval]))",
        },
        kind="bars",
    ),
]

PRELABELLED = [
    Panel(
        "Tasks left",
        "Tasks that the last pre-labelling of each project has still to do. If it stays, the status page says why.",
        "short",
        {"project {{project}}": 'max by (project) (spanloop_prelabel_tasks{backend,result="left"})'},
        width=12,
    ),
    Panel(
        "Pre-labelled tasks",
        "Tasks per second of all workers, by what became of them. failed: a task has no prediction; the page says why.",
        "cps",
        {"{{result}}": "sum by (result) (rate(spanloop_prelabel_worker_tasks_total{prelabel}[$__rate_interval]))"},
        width=12,
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
        "Pre-labelling": PRELABELLED,
    },
)
