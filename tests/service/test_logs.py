from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading

from service import logs
from service.settings import ROOT


def test_a_line_for_people_has_level_request_and_message(capsys):
    logs.configure(as_json=False)
    token = logs.request_id.set("abc12345")
    logging.getLogger("service.somewhere").warning("it is %s", "so")
    logs.request_id.reset(token)
    (line,) = capsys.readouterr().err.splitlines()
    assert "WARNING" in line
    assert "[abc12345]" in line
    assert line.endswith("service.somewhere: it is so")


def test_a_json_line_is_one_object_with_time_level_request_and_message(capsys):
    logs.configure(as_json=True)
    token = logs.request_id.set("abc12345")
    logging.getLogger("training.run").info("☃\nsecond line")
    logs.request_id.reset(token)
    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert entry.pop("time").endswith("+00:00")
    assert entry == {
        "level": "INFO",
        "logger": "training.run",
        "request": "abc12345",
        "message": "☃\nsecond line",
    }


def test_an_exception_is_part_of_its_json_line(capsys):
    logs.configure(as_json=True)
    try:
        raise ValueError("cause")
    except ValueError:
        logging.getLogger("service").exception("failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError: cause" in json.loads(line)["exception"]


def test_what_other_libraries_warn_of_has_the_same_form_and_what_they_merely_tell_is_left_out(capsys):
    logs.configure(as_json=True)
    logging.getLogger("uvicorn.error").info("Started server process")
    logging.getLogger("urllib3").warning("retrying")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["message"] == "retrying"


def test_behind_bentomls_own_configuration_each_line_is_written_once(capsys):
    asked = "import bentoml, logging; from bentoml._internal.log import configure_server_logging as server; "
    asked += "from service import logs; logging.getLogger('early'); server(); logs.configure(True); "
    asked += "[logging.getLogger(name).error('said') for name in ('uvicorn.error', 'bentoml', 'asyncio', 'early')]"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, cwd=ROOT, check=True)
    lines = [json.loads(line) for line in (done.stdout + done.stderr).splitlines()]
    assert [line["logger"] for line in lines] == ["uvicorn.error", "bentoml", "asyncio", "early"]


def test_a_thread_that_ends_by_an_error_is_told_in_the_same_form(capsys):
    logs.configure(as_json=True)
    thread = threading.Thread(target=lambda: 1 / 0, name="model")
    thread.start()
    thread.join()
    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert (entry["level"], entry["message"]) == ("CRITICAL", "the thread 'model' has ended")
    assert "ZeroDivisionError" in entry["exception"]


def test_configuring_twice_writes_each_line_once(capsys):
    logs.configure(as_json=False)
    logs.configure(as_json=False)
    logging.getLogger("service").info("once")
    assert len(capsys.readouterr().err.splitlines()) == 1
