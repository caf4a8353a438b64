"""The examination: all checks, in the order in which one would mend what they find."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache, cached_property
from urllib.parse import urlsplit

from service.backend.local.projects import FileProjects
from service.backend.projects import host_of
from service.labelstudio.client import LabelStudio
from service.labelstudio.errors import LabelStudioError
from service.labelstudio.inspection import Inspection
from service.versions.reference import Repository
from spanloop.doctor import address, api_key, backend, clock, cluster, home, model, projects, reach, registry
from spanloop.doctor.finding import Finding, State, unchecked, wrong
from spanloop.doctor.settings import DoctorSettings

PROJECTS = "The projects in Label Studio"
NONE_CONNECTED = "No project that the API key sees has a model."


class Examination:
    """Looks at one set-up. Nothing of it is changed."""

    def __init__(self, settings: DoctorSettings, asked: Sequence[int] = ()) -> None:
        """`asked`: the projects to look at; without any those that the backend knows, else all that have a model."""
        self._settings = settings
        self._asked = asked
        self._label_studio = LabelStudio(settings)
        self._inspection = Inspection(self._label_studio)
        self._is_spanloop = cache(backend.is_at)

    def findings(self) -> Iterator[Finding]:
        """All findings, one after the other."""
        answers = address.check(self._label_studio.url)
        yield answers
        key = self._key(answers)
        yield key
        if key.state is State.OK:
            yield from self._of_projects()
        else:
            yield unchecked(reach.RULES, "Label Studio cannot be asked")
            yield unchecked(PROJECTS, "Label Studio cannot be asked")
        yield from model.checks(self._settings)
        yield from self._of_home()
        yield from registry.checks(self._settings)
        yield from cluster.checks(self._settings)
        yield from self._of_clocks(answers)
        yield from self._of_backend()

    def _key(self, answers: Finding) -> Finding:
        if answers.state is not State.OK:
            return unchecked(api_key.CHECK, "Label Studio does not answer")
        key = self._settings.label_studio_api_key.get_secret_value()
        return api_key.check(key, self._inspection, datetime.now(UTC))

    def _of_projects(self) -> Iterator[Finding]:
        """What Label Studio and its projects have of this backend: first its addresses, then project by project."""
        named = self._asked or tuple(self._known)
        try:
            read = list(projects.read(self._inspection, named or self._inspection.projects()))
        except LabelStudioError as error:
            yield wrong(PROJECTS, str(error), projects.NOT_HELPED, "Read Label Studio's log.")
            return
        found = [one for one in read if isinstance(one, projects.Project) and (named or one.models)]
        own = {one.id: projects.own_model(one, self._is_own) for one in found}
        for url in sorted({one.url for one in own.values() if one} or {self._settings.backend_url}):
            yield reach.other_machine(url, self._label_studio.url) or reach.name(url)
            yield reach.rules(url, self._inspection)
        for one in found:
            yield projects.connection(one, own[one.id], self._settings.backend_url)
            yield projects.webhook(one, own[one.id])
        unread = [one for one in read if isinstance(one, Finding)]
        yield from unread
        if not found and not unread:
            connect = projects.CONNECT.format(url=self._settings.backend_url)
            yield wrong(PROJECTS, NONE_CONNECTED, projects.NOT_HELPED, connect)

    @cached_property
    def _known(self) -> dict[int, str]:
        """The projects that the backend of this machine knows, and the host by which Label Studio calls it for each."""
        folder = self._settings.home.expanduser()
        return {one.id: one.host for one in FileProjects(folder).all} if folder.is_dir() else {}

    def _is_own(self, url: str) -> bool:
        """Whether an address is this backend's: by its host, or since a Spanloop answers there."""
        service = f"{self._settings.release}-backend.{self._settings.namespace}.svc"
        own = {host_of(self._settings.backend_url), *self._known.values()}
        return host_of(url) in own or urlsplit(url).hostname == service or self._is_spanloop(url)

    def _of_home(self) -> list[Finding]:
        if self._settings.extractor_deployment:
            return [unchecked(home.WRITABLE, "the backend of a cluster keeps its state in the cluster")]
        return home.checks(self._settings.home.expanduser().absolute())

    def _of_clocks(self, answers: Finding) -> Iterator[Finding]:
        if answers.state is State.OK:
            yield clock.check("Label Studio", self._label_studio.url, datetime.now(UTC))
        else:
            yield unchecked(clock.CHECK.format(name="Label Studio"), "Label Studio does not answer")
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
        said = backend.health(url, self._settings)
        if isinstance(said, Finding):
            yield said
            yield unchecked(backend.NEEDS, "the backend does not say")
            return
        yield backend.running(url, said)
        yield backend.needs(url, said)
