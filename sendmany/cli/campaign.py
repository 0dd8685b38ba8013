"""`sendmany campaign …`: what there is to do with a campaign."""

import typer

from sendmany.cli import (
    campaign_launch,
    campaign_look,
    campaign_moves,
    campaign_results,
    campaign_unknown,
)

app = typer.Typer(
    help="Send one message to everybody in a file; watch it, pause it, see who got what.",
    no_args_is_help=True,
)
app.command("launch")(campaign_launch.launch)
app.command("list")(campaign_look.list_campaigns)
app.command("show")(campaign_look.show_campaign)
app.command("watch")(campaign_look.watch_campaign)
app.command("pause")(campaign_moves.pause)
app.command("resume")(campaign_moves.resume)
app.command("cancel")(campaign_moves.cancel)
app.command("export")(campaign_results.export)
app.command("verify")(campaign_results.verify)
app.add_typer(campaign_unknown.app, name="unknown")
