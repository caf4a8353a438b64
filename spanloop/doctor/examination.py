"""The examination: all checks, in the order in which one would mend what they find."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from service.backend.projects import host_of
from service.labelstudio.client import LabelStudio
from service.labelstudio.errors import LabelStudioError
from service.labelstudio.inspection import Inspection, Listing
from service.versions.reference import Repository
from spanloop.doctor import address, api_key, backend, clock, cluster, home, known, model, projects, reach, registry
from spanloop.doctor.finding import Finding, State, unchecked, wrong
from spanloop.doctor.settings import DoctorSettings

PROJECTS, FURTHER = "The projects in Label Studio", "Further projects"
NONE_CONNECTED = "No project that the API key sees is connected to this backend."
OTHER_NAME = "If one is, by another name, name that with --backend."


class Examination:
    """Looks at one set-up. Nothing of it is changed."""

    def __init__(self, settings: DoctorSettings, asked: Sequence[int] = (), unknown: Set[str] = frozenset()) -> None:
        """`asked`: the projects to look at; without any those that the backend knows, else all that are connected to
        it. `unknown`: the settings whose values are not known here, so what hangs on them is not checked."""
        self._settings = settings
        self._asked = asked
        self._label_studio = LabelStudio(settings)
        self._inspection = Inspection(self._label_studio)
        self._unknown = unknown

    def findings(self) -> Iterator[Finding]:
        """All findings, one after the other."""
        answers = self._unnamed(address.CHECK, "label_studio_url") or address.check(self._label_studio.url)
        yield answers
        key = self._unnamed(api_key.CHECK, "label_studio_api_key") or self._key(answers)
        yield key
        if key.state is State.OK:
            yield from self._of_projects()
        else:
            yield unchecked(reach.RULES, "Label Studio cannot be asked")
            yield unchecked(PROJECTS, "Label Studio cannot be asked")
        yield from self._of_model()
        yield from self._of_home()
        yield from self._of_registry()
        yield from cluster.checks(self._settings)
        yield from self._of_clocks(answers)
        yield from self._of_backend()

    def _unnamed(self, check: str, setting: str) -> Finding | None:
        """What to say of a check whose setting is not known here; None if it is known."""
        if setting not in self._unknown:
            return None
        return unchecked(check, f"this machine does not know the release's: name it in SPANLOOP_{setting.upper()}")

    def _key(self, answers: Finding) -> Finding:
        if answers.state is not State.OK:
            return unchecked(api_key.CHECK, "Label Studio cannot be asked")
        key = self._settings.api_key
        return api_key.check(key, self._inspection, datetime.now(UTC))

    def _of_projects(self) -> Iterator[Finding]:
        """What Label Studio and its projects have of this backend: first its addresses, then project by project."""
        named = self._asked or tuple(self._known)
        try:
            listed = Listing([*named], 0) if named else self._inspection.projects()
            read = list(projects.read(self._inspection, listed.ids))
        except LabelStudioError as error:
            yield wrong(PROJECTS, str(error), projects.NOT_HELPED, "Read Label Studio's log.")
            return
        there = [one for one in read if isinstance(one, projects.Project)]
        own = {one.id: projects.own_model(one, self._is_own) for one in there}
        found = [one for one in there if named or own[one.id]]
        for url in sorted({one.url for one in own.values() if one} or {self._settings.backend_url}):
            yield reach.other_machine(url, self._label_studio.url) or reach.name(url)
            yield reach.rules(url, self._inspection)
        for one in found:
            yield projects.connection(one, own[one.id], self._settings.backend_url)
            yield projects.webhook(one, own[one.id])
        unread = [one for one in read if isinstance(one, Finding)]
        yield from unread
        if listed.left_out:
            yield unchecked(FURTHER, f"there are {listed.left_out} more; name those that you mean with --project")
        if not found and not unread:
            connect = projects.CONNECT.format(url=self._settings.backend_url)
            yield wrong(PROJECTS, NONE_CONNECTED, projects.NOT_HELPED, f"{connect} {OTHER_NAME}")

    @cached_property
    def _known(self) -> dict[int, str]:
        """The projects that the backend knows, and the host by which Label Studio calls it for each."""
        return known.hosts(self._settings)

    @cached_property
    def _said(self) -> dict[str, Any] | Finding:
        """What the backend says of itself, or why that is not known."""
        unnamed = self._unnamed(backend.CHECK, "backend_url")
        return unnamed or backend.health(self._settings.backend_url, self._settings)

    def _is_own(self, url: str) -> bool:
        """Whether an address is this backend's: by its host, or since the same is said there as by the backend."""
        service = f"{self._settings.release}-backend.{self._settings.namespace}.svc"
        own = {host_of(self._settings.backend_url), *self._known.values()}
        if host_of(url) in own or f"{urlsplit(url).hostname}.".startswith(f"{service}."):
            return True
        return isinstance(self._said, dict) and backend.said_to_anyone(url) == self._said

    def _of_model(self) -> list[Finding]:
        unnamed = self._unnamed(model.CHECK, "model")
        return [unnamed] if unnamed else model.checks(self._settings)

    def _of_home(self) -> list[Finding]:
        if self._settings.extractor_deployment:
            return [unchecked(home.WRITABLE, "the backend of a cluster keeps its state in the cluster")]
        return home.checks(self._settings.home.expanduser().absolute())

    def _of_registry(self) -> list[Finding]:
        unnamed = self._unnamed(registry.PULL, "registry")
        return [unnamed] if unnamed else registry.checks(self._settings)

    def _of_clocks(self, answers: Finding) -> Iterator[Finding]:
        if answers.state is State.OK:
            yield clock.check("Label Studio", self._label_studio.url, datetime.now(UTC))
        else:
            yield unchecked(clock.CHECK.format(name="Label Studio"), "Label Studio cannot be asked")
        if self._settings.registry:
            scheme = "http" if self._settings.registry_plain_http else "https"
            try:
                host = Repository.parse(self._settings.registry).api_host
            except ValueError:
                yield unchecked(clock.CHECK.format(name="the registry"), "SPANLOOP_REGISTRY names no repository")
            else:
                yield clock.check("the registry", f"{scheme}://{host}/v2/", datetime.now(UTC))

    def _of_backend(self) -> Iterator[Finding]:
        url = self._settings.backend_url
        said = self._said
        if isinstance(said, Finding):
            yield said
            yield unchecked(backend.NEEDS, "the backend does not say")
            return
        yield backend.running(url, said)
        yield backend.needs(url, said)
