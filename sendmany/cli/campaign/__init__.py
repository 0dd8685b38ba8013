"""`sendmany campaign …`: commands for campaigns."""

import typer

from sendmany.cli.lazy import Entry, lazy

COMMANDS = {
    "test": Entry(
        "sendmany.cli.campaign.trial:trial",
        "Send a campaign's message to yourself first, with the values of one row, and wait for the "
        "outcome.",
    ),
    "plan": Entry(
        "sendmany.cli.campaign.plan:plan", "Show what a launch would do, and store nothing."
    ),
    "create": Entry(
        "sendmany.cli.campaign.draft:create_campaign",
        "Keep a campaign as a draft: its recipients are stored, and nothing is sent.",
    ),
    "edit": Entry(
        "sendmany.cli.campaign.draft:edit_campaign",
        "Change the message, the columns, the options or the recipients of a draft.",
    ),
    "delete": Entry(
        "sendmany.cli.campaign.draft:delete",
        "Delete a draft and its recipients; its name is free then.",
    ),
    "clone": Entry(
        "sendmany.cli.campaign.draft:clone",
        "Make a draft with the message, options and recipients of a draft, or of a campaign that has "
        "ended.",
    ),
    "launch": Entry(
        "sendmany.cli.campaign.launch:launch", "Send one message to every recipient in a file."
    ),
    "list": Entry("sendmany.cli.campaign.show:list_campaigns", "List the campaigns, newest first."),
    "show": Entry(
        "sendmany.cli.campaign.show:show_campaign",
        "Show the status of a campaign in words: progress, reason of a stop, and what it waits for.",
    ),
    "watch": Entry(
        "sendmany.cli.campaign.show:watch_campaign",
        "Watch a campaign until it ends. Ctrl-C ends the command, not the campaign.",
    ),
    "pause": Entry(
        "sendmany.cli.campaign.control:pause",
        "Stop sending within a second; unsent messages stay queued.",
    ),
    "resume": Entry(
        "sendmany.cli.campaign.control:resume",
        "Resume a campaign that was paused, has stopped after a failure, or was halted.",
    ),
    "reschedule": Entry(
        "sendmany.cli.campaign.control:reschedule",
        "Set or change when a campaign starts, as long as nothing of it has gone out.",
    ),
    "unschedule": Entry(
        "sendmany.cli.campaign.control:unschedule",
        "Take a campaign's time away: it is paused, and goes out when it is resumed.",
    ),
    "pace": Entry(
        "sendmany.cli.campaign.control:pace",
        "Change how fast a campaign goes, when it is finished, or its share beside others, while it "
        "runs.",
    ),
    "cancel": Entry(
        "sendmany.cli.campaign.control:cancel",
        "Cancel all unsent messages. This cannot be undone.",
    ),
    "retry": Entry(
        "sendmany.cli.campaign.again:retry",
        "Send a campaign again to the people it did not reach, as a campaign of its own.",
    ),
    "add": Entry(
        "sendmany.cli.campaign.again:add",
        "Add people to a campaign that is being sent or was finished, or to a draft.",
    ),
    "export": Entry(
        "sendmany.cli.campaign.export:export",
        "Export every recipient with the outcome of the message, full numbers included.",
    ),
    "report": Entry(
        "sendmany.cli.campaign.export:report",
        "Write a report of a campaign: one HTML page that prints and names no recipient.",
    ),
    "verify": Entry(
        "sendmany.cli.campaign.export:verify",
        "Recount the campaign, message by message, and compare with all of its figures.",
    ),
    "unconfirmed": Entry(
        "sendmany.cli.campaign.unconfirmed:app",
        "Unconfirmed messages, which may have been sent: list them, decide about them.",
    ),
}
"""All commands and their modules."""

app = typer.Typer(
    cls=lazy(COMMANDS),
    help="Send one message to every recipient in a file; watch it, pause it, export the outcomes.",
    no_args_is_help=True,
)
