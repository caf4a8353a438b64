from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from service import metrics


def test_the_exposition_is_prometheus_text_with_what_this_project_counts():
    metrics.REQUESTS.labels("/predict", "200").inc()
    families = {family.name for family in text_string_to_metric_families(metrics.exposition().decode())}
    assert {
        "spanloop_requests",
        "spanloop_request_duration_seconds",
        "spanloop_texts",
        "spanloop_entities",
        "spanloop_extractor_demand",
        "spanloop_texts_queued",
    } <= families
