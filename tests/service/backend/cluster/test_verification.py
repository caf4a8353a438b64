"""Before pods are to serve a version, the backend verifies what describes it: with a real registry and real keys."""

from __future__ import annotations

import httpx
import pytest

from service.backend.cluster.api import Cluster
from service.backend.cluster.deployment import ExtractorDeployment
from service.backend.cluster.events import Events
from service.backend.cluster.line import ClusterLine
from service.backend.cluster.origin import Origin, Refused
from service.backend.cluster.rollout import reference_of
from service.backend.cluster.verification import Verification
from service.backend.line import ChangeRefused
from service.runs.run import Run
from service.versions import lineage as lineages
from service.versions.judgement import Decision, Judgement
from service.versions.lineage import Canary
from service.versions.oci.manifest import MODEL_LAYER, OCI_MANIFEST
from service.versions.signature import FILE, sign
from service.versions.trust import Trust
from tests.support.signing_keys import key_pair

BETTER = {
    "canaries": (Canary(text="Alice", labels=("person",), threshold=0.5, spans=((0, 5, "person"),)),),
    "verdict": Judgement(
        **{"decision": Decision.PROMOTE, "difference": 0.1, "low": 0.05, "high": 0.15, "probability": 0.99},
        **{"needed": 0.95, "tries": 1, "texts": 60, "spans": 80, "deviation": 0.02},
    ),
}
CONTAINER = {"image": "registry.example.com/spanloop:1", "command": ["python", "-m", "training"]}
JOB = {"metadata": {"name": "loop-run-1"}, "spec": {"template": {"spec": {"containers": [CONTAINER]}}}}


@pytest.fixture
def pair(tmp_path):
    return key_pair(tmp_path, "release")


@pytest.fixture
def publish(lay_out, bentos, store, pair):
    """Publish a signed version that `change` has changed before it was pushed. Returns its reference."""

    def make(version, change=lambda model: None):
        model = lay_out(version, **BETTER)
        (model / "verdict.json").write_text("{}")
        (model / "model.safetensors").write_bytes(b"weights" * 1000)
        sign(pair.private, model)
        change(model)
        bentos.push(store, version)
        return str(bentos.get(version).reference)

    return make


@pytest.fixture
def requiring(settings_of_release, pair):
    """The settings of a release that requires signatures."""
    return settings_of_release.model_copy(update={"verify": "require", "trusted_keys": pair.certificate.parent})


@pytest.fixture
def check(requiring, bentos):
    """Check the origin of the version that run-1 says it has published."""

    def make(reference, settings=requiring):
        cluster = Cluster(settings)
        deployment, events = ExtractorDeployment(cluster), Events(cluster, "backend-1")
        origin = Origin(bentos, Verification(Trust.of(settings), deployment, events), lambda: JOB)
        origin.check(Run(id="run-1", projects=(1,), version="v1", reference=reference), JOB)

    return make


def forged(lineage):
    """Write another lineage into a version that is signed already: the config of its manifest is that lineage, too."""
    return lambda model: lineages.write(model, lineage(model.name, **{**BETTER, "reason": "I say so."}))


def told(api):
    return [event["note"] for (kind, _), event in api.objects.items() if kind == "events"]


def test_a_version_that_a_run_has_signed_may_serve_and_its_weights_are_not_fetched(check, publish, bentos, host):
    reference = publish("v1")
    tag = f"http://{host}/v2/{bentos.repository.name}"
    layers = httpx.get(f"{tag}/manifests/v1", headers={"Accept": OCI_MANIFEST}).json()["layers"]
    (weights,) = [layer["digest"] for layer in layers if layer["mediaType"] == MODEL_LAYER]
    assert httpx.delete(f"{tag}/blobs/{weights}").status_code == 202
    check(reference)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda model: (model / "verdict.json").write_text('{"decision": "promote"}'), "changed or too many: verdict"),
        (lambda model: (model / "report.html").write_text("<html>"), "changed or too many: report.html"),
        (lambda model: (model / FILE).unlink(), "it has no signature"),
        (lambda model: sign(key_pair(model.parents[5] / "strange", "stranger").private, model), "not trusted"),
    ],
)
def test_a_forged_version_is_refused_before_any_pod_starts(check, publish, api, grown, service_log, change, why):
    reference = publish("v1", change)
    with pytest.raises(Refused, match=f"description of version v1 is not to be trusted: .*{why}.*spanloop sign v1"):
        check(reference)
    assert reference_of(api.extractor) == ""
    assert grown("spanloop_errors_total", cause="signature") == 1
    assert len(told(api)) == 1
    assert "version v1 is not to be trusted" in told(api)[0]
    assert "version v1 is not to be trusted" in service_log[-1]


def test_a_lineage_that_was_changed_after_it_was_signed_is_refused(check, publish, lineage):
    reference = publish("v1", forged(lineage))
    with pytest.raises(Refused, match=r"changed or too many: lineage\.json"):
        check(reference)


@pytest.mark.parametrize("policy", ["warn", "off"])
def test_where_signatures_are_not_required_the_version_may_serve(check, publish, requiring, api, service_log, policy):
    reference = publish("v1", lambda model: (model / FILE).unlink())
    check(reference, requiring.model_copy(update={"verify": policy}))
    assert len([line for line in service_log if "not to be trusted: it has no signature" in line]) == (policy == "warn")
    assert told(api) == []


def test_nobody_promotes_a_forged_version_by_hand(requiring, publish, lineage, api, grown):
    publish("v1")
    publish("v2", forged(lineage))
    release = ClusterLine(requiring)
    release.promote("v1")
    before = reference_of(api.extractor)
    with pytest.raises(ChangeRefused, match=r"version v2 is not to be trusted.*v1 stays live"):
        release.promote("v2")
    assert reference_of(api.extractor) == before
    assert grown("spanloop_errors_total", cause="signature") == 1
    assert [note for note in told(api) if "v2 is not to be trusted" in note]


def test_nobody_goes_back_to_a_version_whose_key_is_not_trusted_any_more(requiring, publish, pair, tmp_path, api):
    publish("v1")
    publish("v2")
    release = ClusterLine(requiring)
    release.promote("v1")
    release.promote("v2")
    before = reference_of(api.extractor)
    key_pair(tmp_path, "next")
    pair.certificate.unlink()
    with pytest.raises(ChangeRefused, match=r"v1 is not to be trusted: it is signed with a key.*v2 stays live"):
        ClusterLine(requiring).rollback()
    assert reference_of(api.extractor) == before
