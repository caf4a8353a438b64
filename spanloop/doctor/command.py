"""`spanloop doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


@app.command()
def doctor(
    project: Annotated[
        list[int] | None,
        typer.Option(help="A Label Studio project to look at; may be repeated. By default all that use the backend."),
    ] = None,
    backend: Annotated[str, typer.Option(help="The backend's address, as Label Studio calls it.")] = "",
    namespace: Annotated[
        str, typer.Option(help="On a cluster, outside the backend's pod: the namespace of the release.")
    ] = "",
    release: Annotated[str, typer.Option(help="The full name of that release.")] = "spanloop",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON document, and nothing else, on stdout.")
    ] = False,
) -> None:
    """Say what is missing or misset in this set-up, and how to mend each.

    Label Studio, its projects, the model, the home directory, the registry, the cluster, the clocks and the backend are
    looked at. Nothing is changed. The exit status is 1 if something must be mended, otherwise 0.
    """
    from rich.console import Console  # these take a second, and the help does not need them

    from spanloop.doctor import environment, report
    from spanloop.doctor.examination import Examination
    from spanloop.doctor.finding import Finding, State
    from spanloop.doctor.settings import DoctorSettings

    screen, findings = Console(quiet=as_json, highlight=False), list[Finding]()

    def tell(finding: Finding) -> None:
        findings.append(finding)
        report.show(finding, screen)

    tell(environment.check())
    if findings[0].state is State.OK:
        settings = DoctorSettings()
        given = settings.model_copy(update={"backend_url": backend}) if backend else settings
        looked_at = given.of(namespace, release) if namespace else given
        unknown = given.unnamed if namespace else frozenset[str]()
        for finding in Examination(looked_at, project or (), unknown).findings():
            tell(finding)
    report.close(findings, screen)
    if as_json:
        typer.echo(report.document(findings))
    raise typer.Exit(0 if report.is_healthy(findings) else 1)
