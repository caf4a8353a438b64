"""The commands of `spanloop`, by what one wants: where each is implemented, and an example of it.

Most are functions of `service.commands` and `training.__main__`, which pods call directly.
"""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from typer.core import TyperCommand
from typer.main import get_command


class Place(NamedTuple):
    """Where a command stands, and where the function is that does it."""

    name: str
    panel: str
    source: str
    """The function, as module:name. The module has a Typer application `app` that holds it."""
    example: str


START, TEACH, LOOK, DECIDE, CARE = "Start", "Teach the model", "Look", "Decide", "Care"

PLACES = (
    Place("serve", START, "spanloop.serve:serve", "spanloop serve --port 9090"),
    Place("demo", START, "spanloop.demo:demo", "spanloop demo --keep"),
    Place("train", TEACH, "training.__main__:run", "spanloop train --project 3"),
    Place("prelabel", TEACH, "service.commands.runs:prelabel", "spanloop prelabel --project 3"),
    Place("cancel", TEACH, "service.commands.runs:cancel", "spanloop cancel"),
    Place("versions", LOOK, "service.commands.versions:versions", "spanloop versions"),
    Place("show", LOOK, "service.commands.versions:show", "spanloop show 20261125-182648-859da5"),
    Place("projects", LOOK, "service.commands.projects:list_projects", "spanloop projects leave-out 9"),
    Place("problems", LOOK, "training.__main__:problems", "spanloop problems --project 3"),
    Place("curve", LOOK, "training.__main__:curve", "spanloop curve --project 3"),
    Place("promote", DECIDE, "service.commands.versions:promote", "spanloop promote 20261125-182648-859da5"),
    Place("rollback", DECIDE, "service.commands.versions:rollback", "spanloop rollback"),
    Place("doctor", CARE, "spanloop.doctor.command:doctor", "spanloop doctor --project 3"),
    Place("verify", CARE, "service.commands.trust:verify", "spanloop verify 20261125-182648-859da5"),
    Place("sbom", CARE, "service.commands.trust:sbom", "spanloop sbom 20261125-182648-859da5"),
    Place("sign", CARE, "service.commands.trust:sign", "spanloop sign 20261125-182648-859da5"),
    Place(
        "push", CARE, "service.commands.versions:push", "spanloop push 20261125-182648-859da5 --registry HOST/bentos"
    ),
    Place(
        "pull", CARE, "service.commands.versions:pull", "spanloop pull 20261125-182648-859da5 --registry HOST/bentos"
    ),
    Place("prune", CARE, "service.commands.versions:prune", "spanloop prune --keep 10"),
)


class Outline(TyperCommand):
    """A command as the list of commands shows it. Its module, which may import much, is loaded when it is called."""

    def __init__(self, place: Place) -> None:
        super().__init__(place.name, help=_first_paragraph(place.source), rich_help_panel=place.panel)
        self._place = place

    def load(self) -> Any:
        """The command itself, with the example below its help."""
        module, _, function = self._place.source.partition(":")
        found: Any = get_command(import_module(module).app)
        held = [found, *getattr(found, "commands", {}).values()]
        command = next(one for one in held if getattr(one.callback, "__name__", "") == function)
        command.epilog = f"Example: {self._place.example}"
        return command


def outlines() -> dict[str, Outline]:
    """The commands by name, in the order of the list."""
    return {place.name: Outline(place) for place in PLACES}


def _first_paragraph(source: str) -> str:
    """The first paragraph of a function's docstring, read from its file: the function's module is not imported."""
    module, _, name = source.partition(":")
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            f"{module} is not there: this installation of Spanloop is incomplete. Install it anew."
        )
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    docstring = ast.get_docstring(next(one for one in functions if one.name == name)) or ""
    return " ".join(inspect.cleandoc(docstring).partition("\n\n")[0].split())
