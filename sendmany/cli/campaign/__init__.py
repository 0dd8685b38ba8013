"""`sendmany campaign …`: what there is to do with a campaign."""

import typer

from sendmany.cli.lazy import Entry, lazy

COMMANDS = {
    "launch": Entry(
        "sendmany.cli.campaign.launch:launch", "Send one message to everybody in a file."
    ),
    "list": Entry("sendmany.cli.campaign.show:list_campaigns", "The campaigns, newest first."),
    "show": Entry(
        "sendmany.cli.campaign.show:show_campaign",
        "How a campaign stands, in words: what it does, why it stopped, what waits and until when.",
    ),
    "watch": Entry(
        "sendmany.cli.campaign.show:watch_campaign",
        "Watch a campaign until it ends. Ctrl-C stops the watching, not the campaign.",
    ),
    "pause": Entry(
        "sendmany.cli.campaign.control:pause",
        "Stop sending within a second, and keep what has not gone out.",
    ),
    "resume": Entry(
        "sendmany.cli.campaign.control:resume",
        "Go on with a campaign that was paused, that has stopped for a cause, or that was halted.",
    ),
    "cancel": Entry(
        "sendmany.cli.campaign.control:cancel",
        "Give up what has not gone out. This cannot be taken back.",
    ),
    "export": Entry(
        "sendmany.cli.campaign.export:export",
        "Everybody in the campaign with what became of the message, full numbers included.",
    ),
    "verify": Entry(
        "sendmany.cli.campaign.export:verify",
        "Count the campaign again, message by message, and hold that against all of its figures.",
    ),
    "unconfirmed": Entry(
        "sendmany.cli.campaign.unconfirmed:app",
        "Messages of which nobody can say whether they were sent: look at them, decide.",
    ),
}
"""Every command, and where it is."""

app = typer.Typer(
    cls=lazy(COMMANDS),
    help="Send one message to everybody in a file; watch it, pause it, see who got what.",
    no_args_is_help=True,
)
