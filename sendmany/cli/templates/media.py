"""`sendmany media …`: files of messages at the provider."""

from pathlib import Path
from typing import Annotated

import typer

from chatapps.management.media import media_named, upload_media
from config.settings import load_settings
from producer.errors import InputError
from sendmany.cli.options import Json, SubAccount
from sendmany.console.connection import connect
from sendmany.console.output import print_json, show
from store.access.audit import entry

app = typer.Typer(
    help="Upload pictures, documents, audio and video to the provider, for use in messages.",
    no_args_is_help=True,
)


@app.callback()
def _group() -> None:
    pass


@app.command("upload")
def upload(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Its name tells the type.")],
    sub_account: SubAccount = None,
    as_json: Json = False,
) -> None:
    """Upload a file and print its address for `url` or `link` in a message.

    Type and size are checked first, by WhatsApp's limits.

    Example: `sendmany media upload offer.jpg`
    """
    settings = load_settings()
    whose, media = settings.sub_account_id(sub_account), media_named(file.name)
    store = connect(settings)
    try:
        with file.open("rb") as opened:
            url = upload_media(settings, whose, media, opened)
    except OSError as error:
        why = error.strerror or "it is no regular file"  # a pipe has no size
        raise InputError(f"{file} cannot be read: {why}") from error
    store.run(entry("media.upload", f"{media.name} of {whose}", after=url))
    if as_json:
        print_json({"name": media.name, "kind": media.kind, "sub_account": whose, "url": url})
    else:
        show(url)
