"""The commands on who made a version, and of what."""

from __future__ import annotations

import json

import typer

from service.backend.line import ChangeRefused
from service.commands.release import AsJson, CommandLineSettings, bentos, beside, holding, refusing, screen
from service.versions.sbom import FILE as SBOM
from service.versions.signature import SignatureRefused, signing
from service.versions.store import BentoStore
from service.versions.trust import Trust

app = typer.Typer()


@app.command()
def verify(version: str, as_json: AsJson = False) -> None:
    """Check that a version is as the holder of a trusted key has signed it.

    Its model and the code of its Bento are checked. Nothing of it is loaded, and nothing changes. The exit status is 0
    only if it is to be trusted.
    """
    trust, why = Trust("require", CommandLineSettings().trusted_keys), ""
    with refusing(), holding(version) as store:
        try:
            trust.check_model(store.fetch(version))
            trust.check_bento(store.bento(version))
        except SignatureRefused as refused:
            why = str(refused)
    if as_json:
        typer.echo(json.dumps({"version": version, "trusted": not why, "why": why}))
    else:
        (beside if why else screen).print(
            why or f"{version} is as the holder of a trusted key has signed it.", markup=False
        )
    raise typer.Exit(1 if why else 0)


@app.command()
def sbom(version: str) -> None:
    """Print what a version was made with: a software bill of materials, CycloneDX in JSON."""
    settings = CommandLineSettings()
    with refusing():
        versions = bentos(settings) if settings.registry else BentoStore(settings.folder)
        document = versions.document(version, SBOM)
    typer.echo(document.decode())


@app.command()
def sign(version: str) -> None:
    """Sign a version that was published without a signature, with the private key in SPANLOOP_SIGNING_KEY.

    Sign only what you trust. In a registry the tag then names the signed version; what was there keeps its digest.
    """
    settings = CommandLineSettings()
    with refusing(), holding(version) as store:
        if settings.signing_key is None:
            raise ChangeRefused("No private key is set. Nothing was signed. Set SPANLOOP_SIGNING_KEY to its file.")
        store.sign(version, signing(settings.signing_key))
        if settings.registry:
            bentos(settings).replace(store, version)
    screen.print(f"{version} is signed.")
