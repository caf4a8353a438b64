"""Training runs, and the versions that they make."""

from __future__ import annotations

from limits import ALERTS, LONGEST_RUN
from panels import Board, Panel, better_from, quantiles, worse_from
from serving import ROLLOUTS

STUCK = ALERTS["runStuck"]["above"]

RUNS = [
    Panel(
        "Active for",
        "Since the run was asked for, waiting included. At training.activeDeadlineSeconds (red) its Job is ended.",
        "s",
        {"active for": "time() - max(spanloop_run_active_since_timestamp_seconds{backend})"},
        worse_from(LONGEST_RUN / 2, LONGEST_RUN),
        kind="number",
        nothing="no run is active",
    ),
    Panel(
        "Without progress for",
        "Since the active run last got on. At the red line an alert says that it is stuck.",
        "s",
        {"without progress for": "time() - max(spanloop_run_progressed_timestamp_seconds{backend})"},
        worse_from(STUCK / 3, STUCK),
        kind="number",
        nothing="no run is active",
    ),
    Panel(
        "Since the last success",
        "Since a run last ended well, whether its version serves or is held.",
        "s",
        {"since the last success": "time() - max(spanloop_run_last_success_timestamp_seconds{backend})"},
        kind="number",
        nothing="none yet",
    ),
    Panel(
        "Ended runs",
        "Runs that are kept, by outcome. held: not better than what served, or taken back when it was rolled out.",
        "short",
        {"{{outcome}}": 'max by (outcome) (spanloop_runs{backend,phase=""})'},
        width=12,
    ),
    Panel(
        "Runs under way",
        "By phase. One is active at a time; waiting: for a node, a GPU or quota; rollout: for pods of the new version.",
        "short",
        {"{{phase}}": 'max by (phase) (spanloop_runs{backend,outcome=""})'},
        width=12,
    ),
]

ACTIVE = [
    Panel(
        "Phase",
        "What the run does, from its pod, while that lives.",
        "none",
        {"{{phase}}": "max by (phase) (spanloop_training_phase{training})"},
        (("transparent", None), ("green", 1)),
        kind="states",
        width=12,
    ),
    Panel(
        "Progress",
        "Share of the run that is done. A second line is a pod that went on from the checkpoint of a lost one.",
        "percentunit",
        {"{{pod}}": "max by (pod) (spanloop_training_progress_ratio{training})"},
        width=12,
        top=1,
    ),
    Panel(
        "Loss",
        "An example, at each step. It should fall and level out; where it rises or jumps, learning rates are too high.",
        "short",
        {"{{pod}}": "max by (pod) (spanloop_training_loss{training})"},
    ),
    Panel(
        "Speed",
        "Steps and examples a second, replayed ones included.",
        "cps",
        {
            "steps": "sum(rate(spanloop_training_steps_total{training}[$__rate_interval]))",
            "examples": "sum(rate(spanloop_training_examples_total{training}[$__rate_interval]))",
        },
    ),
    Panel(
        "Duration of a step",
        "Seconds. Rising within a run: the processor or GPU is throttled or shared.",
        "s",
        quantiles("spanloop_training_step_duration_seconds{training}", 0.5, 0.95),
    ),
]

VERSIONS = [
    Panel(
        "F1 of what serves",
        "Strict micro F1 of the version that serves, by what it was judged on. The initial model has none.",
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
        "Strict micro F1 by what it was judged on. Held-out tasks stay held out, so that versions compare over time.",
        "none",
        {"{{version}}, {{on}}": "max by (version, on) (spanloop_version_f1{backend})"},
        better_from(0.5, 0.7),
        kind="gauges",
        width=16,
        top=1,
    ),
    Panel(
        "Version that serves",
        "Which version served when.",
        "none",
        {"{{version}}": "max by (version) (spanloop_live_version_info{backend})"},
        (("transparent", None), ("green", 1)),
        kind="states",
        width=16,
    ),
    ROLLOUTS,
]

TRAINING = Board(
    "Spanloop / Training",
    "Training runs: whether they get on, how they end, and how good the versions are that they make.",
    {"Runs": RUNS, "The active run": ACTIVE, "Versions": VERSIONS},
)
