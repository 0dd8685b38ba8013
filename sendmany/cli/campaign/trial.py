"""`sendmany campaign test`: the message to a few numbers of one's own."""

from typing import Annotated, Any

import typer

from config.settings import load_settings
from dashboard.message import as_json as message_status_as_json
from dashboard.message import explain, message_status_of
from producer import Priority, Producer
from producer.campaigns.trial import message_of_row, take_tests
from producer.files.people_list import addressed
from sendmany.cli.campaign.launch import OF_THE_COMMAND, launch, prepared_of
from sendmany.cli.options import Json, takes_options_of
from sendmany.cli.recipients import recipient_of, wait_for_end
from sendmany.console.output import print_json, say, show
from store.states import PROVIDER_HAS_IT

CALLER = "command-line"


@takes_options_of(
    launch, *OF_THE_COMMAND, "exclude", "keep", "hold", "on_unconfirmed", "on_server_error",
    "settle_after", "window", "send_while_loading", "at", "at_local", "on", "rate", "spread", "weight",
    "canary", "finish_by",
)  # fmt: skip
def trial(
    to: Annotated[
        list[str],
        typer.Option("--to", metavar="NUMBER", help="Up to five numbers; may be repeated."),
    ],
    row: Annotated[
        int | None,
        typer.Option(min=2, metavar="LINE", help="Whose values. Default: the first valid row."),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long to wait at most.")
    ] = 60,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Send a campaign's message to yourself first, with the values of one row, and wait for the outcome.

    It goes out at once and is not part of the campaign. At most 20 an hour are sent. Exit code 0 means
    that the provider accepted all of them.

    Example: `sendmany campaign test "Spring sale" --recipients people.csv --message offer.json
    --to +442079460123 --row 17`
    """
    settings = load_settings()
    rest = dict.fromkeys(
        ("hold", "on_unconfirmed", "on_server_error", "settle_after", "window", "keep", "at")
    )
    store, prepared = prepared_of(settings, {**options, **rest}, lists_invalid_rows=False)
    launch, file = prepared.launch, prepared.file
    people = [recipient_of(one, launch.reading.region) for one in to]
    message = message_of_row(file.layout, prepared.message, file.records(), row)
    take_tests(store, CALLER, len(people))
    producer = Producer(store, settings)
    ids = [
        producer.enqueue(
            addressed(one, message),
            sub_account=launch.sub_account,
            priority=Priority.URGENT,
            purpose=launch.purpose,
        ).id
        for one in people
    ]
    for id_ in ids:
        if not wait_for_end(store, id_, timeout):
            say(f"No outcome of {id_} within {timeout:g} seconds; the message goes its way.")
    found = [message_status_of(store, id_) for id_ in ids]
    if as_json:
        print_json([message_status_as_json(one) for one in found])
    else:
        for one in found:
            show(*explain(one))
    raise typer.Exit(0 if all(one.state in PROVIDER_HAS_IT for one in found) else 1)
