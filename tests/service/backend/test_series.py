"""However odd the requests, the metrics stay few."""

from __future__ import annotations

from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from service.extractor.metrics import LABELS_MAX
from tests.support.asking import results, scrape, setup


def everything_odd(client, storm):
    """Requests of all kinds with names that have not been seen before, and labels that the model does find."""
    odd = [f"person {storm} {number} {end}" for number in range(24) for end in ('"', "\\", "\n", "é😀", "x" * 250)]
    for number, name in enumerate(odd):
        client.get(f"/{quote(name)}")
        client.post(f"/predict/{quote(name)}", content=b"{}")
        client.request(f"M{storm}{number}", "/predict")
        client.post("/webhook", json={"action": name, "project": {"id": 1}})
        client.post("/job_status", json={"job": name})
        client.post("/predict", json={"tasks": [], "label_config": name, "project": name}, params={name: name})
    for start in range(0, len(odd), 20):
        controls = "".join(
            f'<Labels name="l{number}" toName="t"><Label value={quoteattr(name)}/></Labels>'
            for number, name in enumerate(odd[start : start + 20])
        )
        config = f'<View>{controls}<Text name="t" value="$text"/></View>'
        setup(client, project="7.1", schema=config, extra_params={"threshold": 0.001})
        (item,) = results(client, "Alice met Bob", label_config=config, project="7.1")
        assert item["result"]


def test_no_request_makes_more_than_a_bounded_number_of_series(client, no_labels_yet):
    scrape(client)
    everything_odd(client, "first")
    first = scrape(client)
    everything_odd(client, "second")
    second = scrape(client)
    assert second("spanloop_entities_total", label="other") > first("spanloop_entities_total", label="other") > 0
    own = [
        label for (label,) in second.of("spanloop_entities_total") if label.startswith(("person first", "person sec"))
    ]
    assert len(own) == LABELS_MAX
    assert second.series == first.series < 1000
    routes = {route.path for route in client.app.routes} | {"/extract", "/ready"}
    for name in ("spanloop_requests_total", "spanloop_requests_in_flight", "spanloop_request_duration_seconds_count"):
        assert {place[0] for place in second.of(name)} <= routes
    for name in second.own:
        assert all(len(value) <= 60 for place in second.of(name) for value in place), name
