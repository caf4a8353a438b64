from __future__ import annotations

import stat

from service.runs.files import Runs
from service.runs.run import Run
from training import leftovers


def laid(runs, run_id, outcome):
    runs.save(Run(id=run_id, projects=(1,), outcome=outcome))
    folder = runs.work(run_id)
    (folder / "folds").mkdir()
    for name in ("project-1.json", "checkpoint.safetensors", "folds/checkpoint.json", "folds/0.json", "log.txt"):
        (folder / name).write_text("a text of a user")
    return folder


def left(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_run_that_was_killed_before_it_could_tidy_up_leaves_no_text_once_another_runs(tmp_path):
    runs = Runs(tmp_path)
    promoted, failed = (laid(runs, outcome, outcome) for outcome in ("promoted", "failed"))
    running = laid(runs, "running", None)
    leftovers.sweep(runs)
    assert left(promoted) == ["folds/0.json", "log.txt"]
    assert left(failed) == ["checkpoint.safetensors", "folds/0.json", "folds/checkpoint.json", "log.txt"]
    assert "project-1.json" in left(running)


def test_the_folders_of_runs_are_nobody_elses(tmp_path):
    runs = Runs(tmp_path)
    modes = [stat.S_IMODE(folder.stat().st_mode) for folder in (runs.folder, runs.work("run-1"))]
    assert modes == [0o700, 0o700]
