from __future__ import annotations

import os
import sys

import pytest

from service.backend.local.launcher import LocalLauncher
from service.backend.protocols import Busy, Uncancellable
from service.runs.files import LOG_NAME, Runs
from service.runs.run import Run


@pytest.fixture
def launcher(tmp_path, monkeypatch):
    """A launcher of real processes that run a small program instead of the training."""
    program = tmp_path / "program"
    made = LocalLauncher(Runs(tmp_path))

    def make(code: str) -> LocalLauncher:
        program.write_text(f"#!{sys.executable}\nimport os, sys, time\n{code}\n")
        program.chmod(0o755)
        monkeypatch.setattr("service.backend.local.launcher.sys.executable", str(program))
        return made

    return make


def test_a_run_is_active_from_its_launch_until_its_process_ends(launcher, tmp_path, until):
    stop = tmp_path / "stop"
    one = launcher(f"while not os.path.exists({str(stop)!r}): time.sleep(0.01)")
    one.launch(Run(id="run-1", projects=(1,)))
    assert one.runs.active() == "run-1"
    assert one.runs.get("run-1") is not None
    with pytest.raises(Busy, match="run-1"):
        one.launch(Run(id="run-2", projects=(1,)))
    assert one.runs.get("run-2") is None
    stop.touch()
    until(lambda: one.runs.active() is None)
    one.reap()


def test_the_process_is_told_its_run_its_projects_and_that_it_holds_the_lock(launcher, until):
    one = launcher("print(sys.argv[1:], os.environ['SPANLOOP_RUN_LOCK'].isdigit(), os.getsid(0) == os.getpid())")
    one.launch(Run(id="run-1", projects=(3, 5)))
    until(lambda: one.runs.active() is None)
    (log,) = [path for path in one.runs.work("run-1").iterdir() if path.suffix == ".txt"]
    assert log.read_text().strip() == (
        "['-m', 'training', 'run', '--run', 'run-1', '--project', '3', '--project', '5'] True True"
    )


def test_what_a_run_counts_does_not_go_into_the_backends_metrics(launcher, tmp_path, monkeypatch, until):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setenv("SPANLOOP_STEPS", "7")
    one = launcher("print(os.environ.get('PROMETHEUS_MULTIPROC_DIR'), os.environ['SPANLOOP_STEPS'])")
    one.launch(Run(id="run-1", projects=(1,)))
    until(lambda: one.runs.active() is None)
    assert (one.runs.work("run-1") / LOG_NAME).read_text().split() == ["None", "7"]


def test_the_log_of_a_run_that_is_resumed_goes_on_in_the_same_file(launcher, until):
    one = launcher("print('begun')")
    for _ in range(2):
        one.launch(Run(id="run-1", projects=(1,)))
        until(lambda: one.runs.active() is None)
    (log,) = [path for path in one.runs.work("run-1").iterdir() if path.suffix == ".txt"]
    assert log.read_text().split() == ["begun", "begun"]


def test_a_process_that_cannot_be_started_leaves_no_lock(launcher, monkeypatch):
    one = launcher("")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(OSError, match="nice"):
        one.launch(Run(id="run-1", projects=(1,)))
    assert one.runs.active() is None


SAYS_SO = """
from pathlib import Path
import signal
from service.runs.files import Runs
runs = Runs(Path(%r))
def end(*signal):
    runs.end_cancelled(runs.get("run-1"))
    sys.exit(143)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
while True: time.sleep(0.01)
"""


def test_a_cancelled_run_gets_sigterm_and_says_that_it_was_cancelled(launcher, tmp_path, until):
    one = launcher(SAYS_SO % str(tmp_path))
    one.launch(Run(id="run-1", projects=(1,)))
    until(lambda: "ready" in (one.runs.work("run-1") / LOG_NAME).read_text())
    one.cancel(one.runs.get("run-1"))
    until(lambda: one.runs.active() is None)
    run = one.runs.get("run-1")
    assert (run.outcome, one.runs.is_cancelled("run-1")) == ("cancelled", False)
    assert "live version is untouched" in run.message
    with pytest.raises(Uncancellable, match="ended already"):
        one.cancel(run)


def test_a_run_that_publishes_hears_without_a_signal_that_it_was_cancelled(launcher, tmp_path, until):
    stop = tmp_path / "stop"
    one = launcher(f"while not os.path.exists({str(stop)!r}): time.sleep(0.01)\nprint('not killed')")
    one.launch(Run(id="run-1", projects=(1,), phase="publish"))
    one.cancel(one.runs.get("run-1"))
    assert one.runs.is_cancelled("run-1")
    stop.touch()
    until(lambda: one.runs.active() is None)
    assert (one.runs.work("run-1") / LOG_NAME).read_text() == "not killed\n"
    one.reap()


def test_a_cancelled_run_that_is_killed_before_it_can_say_so_is_not_resumed(launcher, until):
    one = launcher("print('ready', flush=True); time.sleep(600)")  # SIGTERM ends it at once
    one.launch(Run(id="run-1", projects=(1,)))
    until(lambda: one.runs.active() == "run-1")
    one.cancel(one.runs.get("run-1"))
    until(lambda: one.runs.active() is None)
    one.reap()
    assert one.runs.get("run-1").outcome == "cancelled"
    assert one.runs.died() == []


def test_the_next_attempt_of_a_cancelled_run_is_not_cancelled(launcher, until):
    one = launcher("time.sleep(600)")
    one.launch(Run(id="run-1", projects=(1,)))
    one.cancel(one.runs.get("run-1"))
    until(lambda: one.runs.active() is None)
    one.launch(Run(id="run-1", projects=(1,)))
    assert not one.runs.is_cancelled("run-1")
    one.cancel(one.runs.get("run-1"))
    until(lambda: one.runs.active() is None)


def test_a_run_that_was_started_by_hand_is_ended_where_it_runs(launcher):
    one = launcher("")
    one.runs.save(Run(id="run-1", projects=(1,)))
    lock = one.runs.acquire("run-1")
    with pytest.raises(Uncancellable, match="Ctrl-C"):
        one.cancel(one.runs.get("run-1"))
    assert not one.runs.is_cancelled("run-1")
    os.close(lock)


def test_ended_processes_are_collected(launcher, until):
    one = launcher("")
    one.launch(Run(id="run-1", projects=(1,)))
    (process,) = one._processes
    until(lambda: one.runs.active() is None)

    def collected():
        one.reap()
        return not one._processes

    until(collected)
    with pytest.raises(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)
