"""Where a published version comes from. What a run's pod says is not believed: anybody who may create a Job can say it.

A version may serve only if the release's own registry has it, if it was made by the run that says so, if it was judged,
if it has canaries, by which its pods are checked, and if it is signed where that is required. The run's Job must be one
of the release's kind.
"""

from __future__ import annotations

from collections.abc import Callable

from service.backend.cluster.jobs import KubeObject
from service.backend.cluster.verification import Verification
from service.runs.run import Run
from service.versions.judgement import Decision
from service.versions.lineage import FormatError, Lineage
from service.versions.oci.bentos import Bentos
from service.versions.oci.errors import Corrupt
from service.versions.reference import Reference
from service.versions.signature import SignatureRefused
from service.versions.store import UnknownVersion


class Refused(RuntimeError):
    """A version may not serve; the message says why."""


class Origin:
    """Checks the versions of runs before they are rolled out.

    `registry` is the release's, None if it has none. `template` reads the chart's template of a training Job.
    """

    def __init__(self, registry: Bentos | None, verification: Verification, template: Callable[[], KubeObject]) -> None:
        self._registry = registry
        self._verification = verification
        self._template = template

    def check(self, run: Run, job: KubeObject) -> None:
        """Raises Refused if the version of a run may not serve, and RegistryError if that cannot be told now."""
        _check_job(job, self._template())
        if self._registry is None:
            raise Refused("the release has no registry: set registry.url in the chart.")
        try:
            reference = Reference.parse(run.reference)
        except ValueError as error:
            raise Refused(f"its run names no version of a registry: {error}") from error
        if reference.repository != self._registry.repository or not reference.digest:
            raise Refused(f"its run names {run.reference}, which is no digest in {self._registry.repository}.")
        try:
            _check_lineage(self._registry.get(reference).lineage, run)
            self._verification.check(self._registry, reference)
        except (UnknownVersion, FormatError, Corrupt, SignatureRefused) as error:
            raise Refused(str(error)) from error


def _check_lineage(lineage: Lineage, run: Run) -> None:
    if (lineage.run, lineage.version) != (run.id, run.version):
        raise Refused(
            f"it is version {lineage.version} of run {lineage.run}, and run {run.id} says that it is {run.version}."
        )
    if not lineage.canaries:
        raise Refused("it has no canaries, so its pods could not be checked.")
    if lineage.verdict is None:
        raise Refused("it has no verdict.")
    if lineage.verdict.decision is not Decision.PROMOTE:
        raise Refused(
            f"its verdict is {lineage.verdict.decision}, and its run says that it is better. "
            f"`spanloop promote {lineage.version} --force` makes it live nevertheless."
        )


def _check_job(job: KubeObject, template: KubeObject) -> None:
    """A Job is of the release's kind if its pods have the template's service account, and run the template's program
    from the same repository of images. The tag may differ: a run may outlive an upgrade of the release.

    This keeps other programs from being taken for runs. It is no bar to somebody who may create Jobs, who can mount the
    release's Secrets.
    """
    (given, pod), (wanted, of_template) = ((_program(one), one["spec"]["template"]["spec"]) for one in (job, template))
    if given == wanted and pod.get("serviceAccountName") == of_template.get("serviceAccountName"):
        return
    raise Refused(
        f"the Job {job['metadata']['name']} is none of this release: it runs {given}, and a training Job runs {wanted} "
        "with the release's service account. `kubectl create job --from=cronjob/RELEASE-retrain` makes one."
    )


def _program(job: KubeObject) -> tuple[str, list[str]]:
    """The repository of the image of a Job's first container, and its command."""
    container = job["spec"]["template"]["spec"]["containers"][0]
    image = container.get("image", "").partition("@")[0]
    place, _, name = image.rpartition("/")
    return f"{place}/{name.partition(':')[0]}", list(container.get("command", []))
