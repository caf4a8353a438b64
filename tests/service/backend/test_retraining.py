from __future__ import annotations

import pytest

from service.backend.census import Census
from service.backend.local.projects import FileProjects
from service.backend.protocols import Busy
from service.backend.retraining import RETRY_SECONDS, Retraining
from service.labelstudio.client import LabelStudio
from service.runs.files import Runs
from tests.support.studio import KEY, StudioProject


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Bench:
    """Retraining with a small Label Studio, a launcher without processes and a clock that is set by hand."""

    def __init__(self, settings, studio, launcher_type, **overrides):
        studio.projects.setdefault(1, StudioProject(annotations=30))
        self.studio = studio
        self.settings = settings(label_studio_url=studio.url, label_studio_api_key=KEY, **overrides)
        self.projects = FileProjects(self.settings.folder)
        self.projects.see(1)
        self.runs = Runs(self.settings.folder)
        self.launcher = launcher_type(self.runs)
        self.clock = Clock()
        self.restart()

    def restart(self):
        """As after a restart of the backend."""
        label_studio = LabelStudio(self.settings)
        self.census = Census(self.projects, label_studio, self.clock)
        self.retraining = Retraining(
            self.settings, self.projects, self.runs, self.launcher, label_studio, self.census, self.clock
        )

    def click(self):
        return self.retraining.start("Start Training").run

    def tick(self, seconds=0.0):
        self.clock.now += seconds
        self.retraining.look_after()
        self.retraining.start_due()

    @property
    def launched(self):
        return [run.id for run in self.launcher.launched]


@pytest.fixture
def bench(settings, studio, launches):
    from service.backend.local import compose

    made = []

    def make(**overrides):
        made.append(Bench(settings, studio, compose.LocalLauncher, **overrides))
        return made[-1]

    return make


def test_a_click_starts_a_run_over_the_annotations_of_all_projects(bench, studio):
    studio.projects[2] = StudioProject(annotations=12)
    one = bench()
    one.projects.see(2)
    run = one.click()
    assert one.launched == [run.id]
    assert (run.projects, run.annotations, run.ended) == ((1, 2), 42, False)


def test_no_run_learns_from_a_project_that_is_left_out(bench, studio):
    studio.projects[2] = StudioProject(annotations=12)
    one = bench()
    one.projects.see(2)
    one.projects.leave_out(1)
    run = one.click()
    assert (run.projects, run.annotations) == ((2,), 12)
    one.launcher.end("held")
    one.projects.leave_out(2)
    assert "All projects are left out" in one.click().message
    one.projects.take_in(1)
    assert one.click().projects == (1,)
    assert len(one.launched) == 2


def test_a_second_click_finds_the_run_of_the_first(bench):
    one = bench()
    first = one.click()
    assert one.click().id == first.id
    one.tick()
    assert one.launched == [first.id]


def test_a_click_after_a_run_has_succeeded_finds_it_as_long_as_no_annotation_changed(bench):
    one = bench()
    first = one.click()
    one.launcher.end("held")
    again = one.click()
    assert (again.id, again.outcome) == (first.id, "held")
    one.studio.annotate(1)
    assert one.click().id != first.id
    assert len(one.launched) == 2


def test_the_same_annotations_give_the_same_run_after_a_restart(bench):
    one = bench()
    first = one.click()
    one.launcher.end("promoted")
    one.restart()
    assert one.click().id == first.id
    assert one.launched == [first.id]


def test_an_annotation_changed_without_changing_their_number_gives_another_run(bench):
    one = bench()
    one.click()
    one.launcher.end("held")
    one.studio.projects[1].updated_at = "2026-11-23T20:00:00.000000Z"
    one.click()
    assert len(set(one.launched)) == 2


def test_a_failed_run_may_be_tried_again(bench):
    one = bench()
    first = one.click()
    one.launcher.end("failed", "disk full")
    again = one.click()
    assert again.id == first.id
    assert again.outcome is None
    assert one.launched == [first.id, first.id]
    assert one.runs.get(first.id).outcome is None


def test_clicks_during_a_run_start_exactly_one_follow_up(bench):
    one = bench()
    first = one.click()
    for _ in range(3):
        one.studio.annotate(1)
        assert one.click().id == first.id
        one.tick()
    assert one.launched == [first.id]
    one.launcher.end("promoted")
    for _ in range(3):
        one.tick()
    assert len(one.launched) == 2
    one.launcher.end("promoted")
    one.studio.annotate(1)  # nobody clicks
    for _ in range(3):
        one.tick()
    assert len(one.launched) == 2


def test_a_follow_up_survives_a_restart_of_the_backend(bench):
    one = bench()
    one.click()
    one.studio.annotate(1)
    one.click()
    one.restart()
    one.launcher.end("held")
    one.tick()
    assert len(one.launched) == 2


def test_a_follow_up_without_new_annotations_finds_the_run_that_is_over(bench):
    one = bench()
    one.click()
    one.studio.annotate(1)
    one.click()
    one.studio.projects[1] = StudioProject(annotations=30)
    one.launcher.end("held")
    one.tick()
    assert len(one.launched) == 1


def remembered(one):
    """A click that a run has been asked for by, while another was active, which is over now."""
    one.click()
    one.studio.annotate(1)
    one.click()
    one.launcher.end("held")


@pytest.mark.parametrize("status", [500, 401])
def test_a_remembered_click_is_not_lost_while_label_studio_is_away(bench, studio, status):
    one = bench()
    remembered(one)
    studio.broken = status
    for _ in range(3):
        one.tick()
    one.restart()
    one.tick()
    assert len(one.launched) == 1
    studio.broken = 0
    one.tick(seconds=RETRY_SECONDS)
    assert len(one.launched) == 2
    one.launcher.end("held")
    one.tick(seconds=RETRY_SECONDS)
    assert len(one.launched) == 2


def test_a_remembered_click_is_tried_again_after_a_pause_and_shown_as_one_failed_run(bench, studio, grown):
    one = bench()
    remembered(one)
    for tries, status in enumerate((500, 502, 503), start=1):
        studio.broken = status
        for _ in range(5):
            one.tick()
        assert grown("spanloop_errors_total", cause="label_studio_unreachable") == tries
        one.clock.now += RETRY_SECONDS
    (failed,) = [run for run in one.runs.all() if run.outcome == "failed"]
    assert "503" in failed.message
    assert "live version is untouched" in failed.message


def test_a_remembered_click_is_not_lost_where_no_process_can_be_started(bench):
    one = bench()
    remembered(one)
    one.launcher.error = OSError(12, "Cannot allocate memory")
    one.tick()
    one.launcher.error = RuntimeError("No registry is set.")
    one.tick(seconds=RETRY_SECONDS)
    assert len(one.launched) == 1
    one.launcher.error = None
    one.tick(seconds=RETRY_SECONDS)
    assert len(one.launched) == 2


def test_a_remembered_click_waits_until_the_projects_are_known_again(bench, settings):
    """A backend that has just been started may learn them from Label Studio only later."""
    one = bench()
    remembered(one)
    known, one.projects = one.projects, FileProjects(one.settings.folder / "empty")
    one.restart()
    one.tick()
    assert len(one.launched) == 1
    one.projects = known
    one.restart()
    one.tick()
    assert len(one.launched) == 2


def test_a_click_that_is_refused_says_so_and_leaves_nothing_to_follow(bench, studio):
    one = bench()
    studio.broken = 500
    one.click()
    studio.broken = 0
    one.tick(seconds=RETRY_SECONDS)
    assert one.launched == []


def test_submissions_are_not_forgotten_where_no_process_can_be_started(bench):
    one = bench(retrain_quiet=20, retrain_minimum=1)
    one.launcher.error = OSError(12, "Cannot allocate memory")
    one.retraining.submitted()
    one.tick(seconds=21)
    assert one.retraining.waiting
    one.launcher.error = None
    one.tick(seconds=RETRY_SECONDS)
    assert len(one.launched) == 1
    assert not one.retraining.waiting


def test_a_run_in_rollout_among_the_files_is_gone_on_with(bench):
    """A cluster alone leaves such a run; one machine judges its version again."""
    from service.runs.run import Run

    one = bench()
    one.runs.save(Run(id="run-1", projects=(1,), phase="rollout", rollout="begun", version="v1"))
    one.tick()
    assert one.launched == ["run-1"]
    one.launcher.end("promoted")
    one.tick()
    assert one.runs.get("run-1").ended


def test_a_click_that_loses_the_race_against_another_run_is_remembered(bench, monkeypatch):
    """Between the look at the lock and the launch somebody else may begin a run, by hand for instance."""
    from service.runs.run import Run

    one = bench()
    launch = one.launcher.launch

    def too_late(run):
        launch(Run(id="run-by-hand", projects=(1,)))
        raise Busy("Run run-by-hand is active.")

    with monkeypatch.context() as patched:
        patched.setattr(one.launcher, "launch", too_late)
        assert one.click().id == "run-by-hand"
    one.launcher.end("held")
    one.tick()
    assert len(one.launched) == 2


def test_a_run_that_died_is_resumed_so_many_times_and_then_fails_with_a_message(bench):
    one = bench(run_attempts=3)
    run = one.click()
    for attempt in (2, 3):
        one.launcher.die()
        one.tick()
        assert one.runs.get(run.id).attempt == attempt
        assert one.launched == [run.id] * attempt
    one.launcher.die()
    one.tick()
    failed = one.runs.get(run.id)
    assert failed.outcome == "failed"
    assert "3 times" in failed.message
    assert "live version is untouched" in failed.message
    one.tick()
    assert one.launched == [run.id] * 3


def test_a_run_that_died_while_the_backend_was_down_is_resumed_when_it_is_up(bench):
    one = bench()
    run = one.click()
    one.launcher.die()
    one.restart()
    one.tick()
    assert one.launched == [run.id, run.id]


def test_a_run_that_starts_while_the_runs_are_looked_at_has_not_died(bench, monkeypatch):
    """The look takes a moment; a click in that moment must not be counted as a death."""
    one = bench(run_attempts=1)
    all_runs = one.runs.all

    def click_first():
        monkeypatch.setattr(one.runs, "all", all_runs)
        one.click()
        return all_runs()

    monkeypatch.setattr(one.runs, "all", click_first)
    one.tick()
    assert len(one.launched) == 1
    assert one.runs.get(one.launched[0]).outcome is None


def test_submissions_are_waited_out_and_start_one_run(bench):
    one = bench(retrain_quiet=20, retrain_minimum=10)
    for _ in range(5):
        one.retraining.submitted()
        assert one.retraining.waiting
        one.tick(seconds=15)
    assert one.launched == []
    one.tick(seconds=6)
    assert len(one.launched) == 1
    assert not one.retraining.waiting
    one.launcher.end("held")
    one.tick(seconds=100)
    assert len(one.launched) == 1


def test_submissions_start_no_run_before_there_are_enough_new_annotations(bench):
    one = bench(retrain_quiet=20, retrain_minimum=10)
    one.click()
    one.launcher.end("held")
    for new, runs in ((9, 1), (1, 2)):
        one.studio.annotate(1, new)
        one.retraining.submitted()
        one.tick(seconds=21)
        assert len(one.launched) == runs


def test_submissions_during_a_run_start_the_next_when_it_has_ended(bench):
    one = bench(retrain_quiet=20, retrain_minimum=1)
    one.click()
    one.studio.annotate(1)
    one.retraining.submitted()
    one.tick(seconds=30)
    assert len(one.launched) == 1
    one.launcher.end("held")
    one.tick()
    assert len(one.launched) == 2


def test_events_start_a_run_every_so_many_annotations_and_none_where_that_is_off(bench):
    off = bench()
    off.retraining.hint()
    off.tick(seconds=1000)
    assert off.launched == []
    one = bench(retrain_every=5, retrain_quiet=20)
    one.click()
    one.launcher.end("held")
    for new, runs in ((4, 1), (1, 2)):
        one.studio.annotate(1, new)
        one.retraining.hint()
        one.tick(seconds=10)
        assert len(one.launched) < 2
        one.tick(seconds=11)
        assert len(one.launched) == runs


def test_a_label_studio_that_is_down_is_a_failed_run_with_a_message(bench, studio, grown):
    one = bench()
    studio.broken = 502
    run = one.click()
    assert run.outcome == "failed"
    assert "502" in run.message
    assert "live version is untouched" in run.message
    assert one.runs.all()[0] == run
    assert grown("spanloop_errors_total", cause="label_studio_unreachable") == 1
    assert one.launched == []
    studio.broken = 0
    assert one.click().outcome is None


def test_a_label_studio_that_is_down_when_it_has_become_quiet_starts_nothing_and_breaks_nothing(bench, studio, grown):
    one = bench(retrain_quiet=20, retrain_minimum=1)
    one.retraining.submitted()
    studio.broken = 500
    one.tick(seconds=21)
    assert grown("spanloop_errors_total", cause="label_studio_unreachable") == 1
    studio.broken = 0
    one.tick()
    assert len(one.launched) <= 1
    one.retraining.submitted()
    one.tick(seconds=21)
    assert len(one.launched) == 1


def test_an_address_where_nobody_listens_is_a_failed_run_that_names_it(bench, settings, launches):
    one = bench()
    one.settings = settings(label_studio_url="http://127.0.0.1:9", label_studio_api_key=KEY)
    one.restart()
    assert "http://127.0.0.1:9" in one.click().message


def test_a_project_deleted_in_label_studio_keeps_no_run_from_learning_from_the_others(bench, studio):
    one = bench()
    one.projects.see(2)
    run = one.click()
    assert run.outcome is None
    assert run.annotations == 30
    assert one.launched == [run.id]


def test_without_any_project_no_process_is_launched(settings, studio, launches, bench):
    one = bench()
    one.projects = FileProjects(one.settings.folder / "empty")
    one.restart()
    run = one.click()
    assert run.outcome == "failed"
    assert run.message
    assert one.launched == []


def test_a_process_that_cannot_be_started_is_a_failed_run_with_the_cause(bench, grown):
    one = bench()
    one.launcher.error = OSError(12, "Cannot allocate memory")
    run = one.click()
    assert run.outcome == "failed"
    assert "Cannot allocate memory" in run.message
    assert grown("spanloop_errors_total", cause="run_start") == 1
    one.launcher.error = None
    assert one.click().outcome is None
    assert len(one.launched) == 1


def test_a_click_while_a_failed_runs_process_is_still_ending_is_not_lost(bench):
    one = bench()
    run = one.click()
    one.runs.save(run.model_copy(update={"outcome": "failed", "message": "Label Studio does not answer."}))
    one.click()
    assert one.launched == [run.id]
    one.launcher.die()
    one.tick()
    assert one.launched == [run.id, run.id]


def test_new_annotations_are_counted_by_project_also_when_one_was_disconnected(bench, studio):
    studio.projects[2] = StudioProject(annotations=200)
    one = bench(retrain_every=10, retrain_quiet=0)
    one.projects.see(2)
    one.click()
    one.launcher.end("held")
    one.projects.forget(2, "it has no model connected")
    one.studio.annotate(1, 10)
    one.retraining.hint()
    one.tick(seconds=1)
    assert len(one.launched) == 2
    assert one.retraining.declined == ""


def test_an_unexpected_error_of_a_click_is_logged_and_shown(bench, monkeypatch, service_log):
    one = bench()

    def break_off():
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(one.launcher, "conditions", break_off)
    run = one.click()
    assert (run.outcome, one.runs.get(run.id).outcome) == ("failed", "failed")
    assert "Input/output error" in run.message
    assert any("ERROR" in line and "no run was started" in line for line in service_log)
