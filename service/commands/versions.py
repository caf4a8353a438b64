"""The commands on versions."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from service import listings
from service.backend.line import BY_HAND, forced, not_against_verdict
from service.commands.release import AsJson, CommandLineSettings, beside, line_of_versions, refusing, screen
from service.versions.history import INITIAL
from service.versions.oci.bentos import Bentos
from service.versions.store import BentoStore

app = typer.Typer()


@app.command()
def versions(as_json: AsJson = False) -> None:
    """List the published versions."""
    with refusing():
        line, initial = line_of_versions(), CommandLineSettings().model
        live, published = line.live(), line.versions()
    if as_json:
        typer.echo(json.dumps(listings.versions_document(published, live, initial)))
        return
    screen.print(listings.versions(published, live))
    if live == INITIAL:
        screen.print(f"Live: the initial model, {initial}")


@app.command()
def show(
    version: str,
    as_json: Annotated[bool, typer.Option("--json", help="Leave out the words and the table on stderr.")] = False,
) -> None:
    """Print what is known of a version, as JSON.

    Beside it, on stderr, words say how far its weights moved, and a table has its calibration and thresholds.
    """
    with refusing():
        lineage = line_of_versions().get(version)
    typer.echo(lineage.model_dump_json(indent=2))
    if lineage.blend and not as_json:
        beside.print(lineage.blend.told(), highlight=False, markup=False)
    if lineage.calibrated and not as_json:
        beside.print(listings.calibration(lineage.calibrated))


@app.command()
def promote(
    version: str,
    force: Annotated[bool, typer.Option("--force", help="Also if its verdict is HOLD or REJECT.")] = False,
) -> None:
    """Make a version live.

    A running backend rolls it out, and takes it back if it does not work.
    """
    with refusing():
        line = line_of_versions()
        lineage = line.get(version)
        if not force:
            not_against_verdict(lineage)
        line.promote(version, BY_HAND if lineage.better else forced(lineage))
    screen.print(f"{version} is live.")


@app.command()
def rollback() -> None:
    """Make the version before the live one live again."""
    with refusing():
        previous = line_of_versions().rollback()
    screen.print(f"{previous or 'The initial model'} is live again.")


@app.command()
def prune(
    keep: Annotated[int, typer.Option(min=0, help="How many of the newest versions to keep.")] = 10,
) -> None:
    """Delete old versions. The live one and the one that a rollback would make live stay."""
    with refusing():
        deleted = line_of_versions().prune(keep)
    screen.print(f"{len(deleted)} versions deleted{': ' if deleted else ''}{', '.join(deleted)}")


RegistryOption = Annotated[str, typer.Option("--registry", help="The registry's repository, `host[:port]/repository`.")]
PlainHttp = Annotated[bool, typer.Option("--plain-http", help="Reach the registry without TLS.")]


@app.command()
def push(version: str, registry: RegistryOption, plain_http: PlainHttp = False) -> None:
    """Copy a version of this machine into a registry, for another machine or a cluster.

    The registry gets what it does not have yet. It refuses another version of the same name.
    """
    with refusing():
        digest = Bentos.connect(registry, plain_http).push(BentoStore(CommandLineSettings().folder), version)
    screen.print(f"{registry} has {version} as {digest}.")


@app.command()
def pull(version: str, registry: RegistryOption, plain_http: PlainHttp = False) -> None:
    """Copy a version from a registry to this machine. `promote` makes it live there.

    With SPANLOOP_VERIFY it is checked before it is loaded, as any other is.
    """
    with refusing():
        Bentos.connect(registry, plain_http).pull(version, BentoStore(CommandLineSettings().folder))
    screen.print(f"{version} is on this machine.")
