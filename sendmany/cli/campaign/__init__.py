"""`sendmany campaign …`: commands for campaigns."""

import typer

from sendmany.cli.campaign import again, control, export, launch, show, unconfirmed

app = typer.Typer(
    help="Send one message to everybody in a file; watch it, pause it, see who got what.",
    no_args_is_help=True,
)
app.command("launch")(launch.launch)
app.command("list")(show.list_campaigns)
app.command("show")(show.show_campaign)
app.command("watch")(show.watch_campaign)
app.command("pause")(control.pause)
app.command("resume")(control.resume)
app.command("reschedule")(control.reschedule)
app.command("unschedule")(control.unschedule)
app.command("cancel")(control.cancel)
app.command("retry")(again.retry)
app.command("add")(again.add)
app.command("export")(export.export)
app.command("verify")(export.verify)
app.add_typer(unconfirmed.app, name="unconfirmed")
