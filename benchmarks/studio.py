"""A stand-in for Label Studio with projects of any size, in a process of its own: python -m benchmarks.studio.

Project N has N annotated tasks. It answers the requests of a run as Label Studio 1.23 does: the project, its
annotated tasks in pages with all fields, and its tasks without annotations (there are no such tasks).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

LABEL_CONFIG = """<View>
  <Labels name="label" toName="text"><Label value="Chemical"/><Label value="Disease"/></Labels>
  <Text name="text" value="$text"/>
</View>"""
MOMENT = "2026-11-23T18:47:50.390566Z"


@contextmanager
def serving(sentences: Path) -> Iterator[str]:
    """Serve the sentences of a data set, repeated as needed, while the context lasts. Yields the address."""
    command = [sys.executable, "-m", "benchmarks.studio", str(sentences)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def task(number: int, entry: dict[str, Any]) -> dict[str, Any]:
    """One annotated task as Label Studio exports it. The number makes its text unique."""
    text = f"{entry['text']} ( case {number} )"
    regions = [
        {
            "id": f"r{index}",
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "origin": "manual",
            "value": {
                "start": span["start"],
                "end": span["end"],
                "text": text[span["start"] : span["end"]],
                "labels": [span["label"]],
            },
        }
        for index, span in enumerate(entry["spans"])
    ]
    annotation = {
        "id": number,
        "completed_by": 1,
        "result": regions,
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "draft_created_at": None,
        "lead_time": 12.5,
        "prediction": {},
        "result_count": len(regions),
        "unique_id": f"2fe91b1c-b10c-41f8-bea1-{number:012d}",
        "import_id": None,
        "last_action": None,
        "bulk_created": False,
        "task": number,
        "project": 1,
        "updated_by": None,
        "parent_prediction": None,
        "parent_annotation": None,
        "last_created_by": None,
    }
    return {
        "id": number,
        "annotations": [annotation],
        "drafts": [],
        "predictions": [],
        "data": {"text": text},
        "meta": {},
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "allow_skip": True,
        "inner_id": number,
        "total_annotations": 1,
        "cancelled_annotations": 0,
        "total_predictions": 0,
        "comment_count": 0,
        "unresolved_comment_count": 0,
        "last_comment_updated_at": None,
        "project": 1,
        "updated_by": None,
        "comment_authors": [],
    }


def page(count: int, query: dict[str, list[str]], entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A page of the annotated tasks of a project with `count` of them; of any other query, no tasks."""
    conditions = json.loads(query.get("query", ["{}"])[0]).get("filters", {}).get("items", [])
    after = next((one["value"] for one in conditions if one["filter"] == "filter:tasks:id"), count)
    last = min(count, after + int(query["page_size"][0]))
    tasks = [task(number, entries[(number - 1) % len(entries)]) for number in range(after + 1, last + 1)]
    return {"tasks": tasks, "total": count - after, "total_annotations": count - after}


def main(sentences: Path) -> None:
    """Serve on a free port and print the address."""
    entries = [json.loads(line) for line in sentences.read_text(encoding="utf-8").splitlines()]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            parts, query = asked.path.strip("/").split("/"), parse_qs(asked.query)
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            if parts[1] == "projects":
                body: dict[str, Any] = {"id": int(parts[2]), "title": "project", "label_config": LABEL_CONFIG}
            else:
                body = page(int(query["project"][0]), query, entries)
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"http://127.0.0.1:{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
