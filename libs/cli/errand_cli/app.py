"""All commands, put together."""

import typer

from errand_cli import backup, login, projects, runners, status, tasks, tokens, users

app = typer.Typer(
    name="errand",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Send tasks to Errand and run its fleet. Exit codes and JSON: docs/cli.md.",
)
app.add_typer(tasks.app, name="task")
app.add_typer(projects.app, name="project")
app.add_typer(runners.app, name="runner")
app.add_typer(tokens.app, name="token")
app.add_typer(users.app, name="user")
app.command()(status.status)
app.command()(backup.backup)
app.command()(login.login)
app.command()(login.logout)
