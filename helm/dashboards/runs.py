"""The dashboard of training runs and of the versions that they make."""

from __future__ import annotations

from limits import ALERTS, LONGEST_RUN
from panels import Board, Panel, better_from, quantiles, worse_from
from serving import ROLLOUTS

STUCK = ALERTS["runStuck"]["above"]

RUNS = [
    Panel(
        "Active for",
        "Time since the run was requested. Kubernetes ends its Job after training.activeDeadlineSeconds (red).",
        "s",
        {"active for": "time() - max(spanloop_run_active_since_timestamp_seconds{backend})"},
        worse_from(LONGEST_RUN / 2, LONGEST_RUN),
        kind="number",
        nothing="no run is active",
    ),
    Panel(
        "Without progress for",
        "Time since the active run last made progress. An alert fires at the red limit.",
        "s",
        {"without progress for": "time() - max(spanloop_run_progressed_timestamp_seconds{backend})"},
        worse_from(STUCK / 3, STUCK),
        kind="number",
        nothing="no run is active",
    ),
    Panel(
        "Since the last success",
        "Time since a run last ended without a failure: promoted, held or nothing new.",
        "s",
        {"since the last success": "time() - max(spanloop_run_last_success_timestamp_seconds{backend})"},
        kind="number",
        nothing="none yet",
    ),
    Panel(
        "Ended runs",
        "Runs that are kept, by outcome. held: the version was not better, or its rollout was undone.",
        "short",
        {"{{outcome}}": 'max by (outcome) (spanloop_runs{backend,phase=""})'},
        width=12,
    ),
    Panel(
        "Runs under way",
        "Runs by phase; one is active at a time. waiting: no node, GPU or quota yet. rollout: new pods start.",
        "short",
        {"{{phase}}": 'max by (phase) (spanloop_runs{backend,outcome=""})'},
        width=12,
    ),
]

ACTIVE = [
    Panel(
        "Phase",
        "The phase of the run, read from its pod while that runs.",
        "none",
        {"{{phase}}": "max by (phase) (spanloop_training_phase{training})"},
        (("transparent", None), ("green", 1)),
        kind="states",
        width=12,
    ),
    Panel(
        "Progress",
        "Share of the run that is done. A second line is a pod that continues from a lost pod's checkpoint.",
        "percentunit",
        {"{{pod}}": "max by (pod) (spanloop_training_progress_ratio{training})"},
        width=12,
        top=1,
    ),
    Panel(
        "Loss",
        "Loss per example. It should fall and level out. If it rises or jumps, the learning rates are too high.",
        "short",
        {"{{pod}}": "max by (pod) (spanloop_training_loss{training})"},
    ),
    Panel(
        "Speed",
        "Steps per second, and examples per second including replayed ones.",
        "cps",
        {
            "steps": "sum(rate(spanloop_training_steps_total{training}[$__rate_interval]))",
            "examples": "sum(rate(spanloop_training_examples_total{training}[$__rate_interval]))",
        },
    ),
    Panel(
        "Duration of a step",
        "Seconds per step. If they rise within a run, the processor or GPU is throttled or shared.",
        "s",
        quantiles("spanloop_training_step_duration_seconds{training}", 0.5, 0.95),
    ),
]

VERSIONS = [
    Panel(
        "F1 of what serves",
        "Strict micro F1 of the version that serves, as its run measured it; guard: against its base model, on general"
        " sentences; annotators: by what people made of its predictions. The initial model has the last alone.",
        "none",
        {
            "{{on}}": "max by (version, on) (spanloop_version_f1{backend})"
            " and on (version) spanloop_live_version_info{backend}"
        },
        better_from(0.5, 0.7),
        kind="gauges",
        top=1,
    ),
    Panel(
        "F1 of all versions",
        "Strict micro F1 as each run measured it. Held-out tasks stay held out, so versions can be compared; guard:"
        " against the base model, on general sentences; annotators: by what people made of the predictions.",
        "none",
        {"{{version}}, {{on}}": "max by (version, on) (spanloop_version_f1{backend})"},
        better_from(0.5, 0.7),
        kind="gauges",
        width=16,
        top=1,
    ),
    Panel(
        "Version that serves",
        "The version that served at each time.",
        "none",
        {"{{version}}": "max by (version) (spanloop_live_version_info{backend})"},
        (("transparent", None), ("green", 1)),
        kind="states",
        width=16,
    ),
    ROLLOUTS,
]

WORK = [
    Panel(
        "Spans that people keep",
        "Share of each version's spans that people kept as they were. If it falls with a new version on tasks of the"
        " same kind, roll that back.",
        "percentunit",
        {"{{version}}": "max by (version) (spanloop_version_acceptance_ratio{backend})"},
        top=1,
    ),
    Panel(
        "Spans that people make",
        "Share of the annotated spans that people had to make themselves, by version.",
        "percentunit",
        {
            "{{version}}": 'sum by (version) (spanloop_annotated_spans{backend,fate="missed"})'
            ' / sum by (version) (spanloop_annotated_spans{backend,fate!="added"})'
        },
        top=1,
    ),
    Panel(
        "What becomes of spans",
        "Spans in annotated tasks by what became of them, all versions together. missed: people made it; added: people"
        " removed it.",
        "short",
        {"{{fate}}": "sum by (fate) (spanloop_annotated_spans{backend})"},
    ),
]

TRAINING = Board(
    "Spanloop / Training",
    "Training runs: their progress, their outcomes, the scores of the versions that they make, and people's work.",
    {"Runs": RUNS, "The active run": ACTIVE, "Versions": VERSIONS, "People's work": WORK},
)
