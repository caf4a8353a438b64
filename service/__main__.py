"""The commands on a release: versions, projects, runs and pre-labellings. `spanloop` offers them to people.

On a cluster they run in the backend's pod, which has the rights that they need. Pods call `python -m service prelabel`.
"""

from __future__ import annotations

import typer

from service.commands import projects, runs, trust, versions

app = typer.Typer(help="The versions and projects of Spanloop.", no_args_is_help=True, add_completion=False)
for commands in (versions, runs, trust):
    app.add_typer(commands.app)
app.add_typer(projects.app, name="projects")

if __name__ == "__main__":
    app()
