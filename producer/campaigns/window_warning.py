"""What to say at a launch about people whose service window is closed."""

from chatapps.rendering.compiled import CompiledContent
from chatapps.service_window import content_needs_window
from store.client import Store
from store.lanes.lane import Policies
from store.people.service_windows import last_reply


def warn_of_windows(
    store: Store, content: CompiledContent, sub_account: str, policies: Policies
) -> list[str]:
    """Warnings about a campaign whose message WhatsApp carries only within 24 hours of the person's last
    message (provider docs, WhatsApp rules); none for templates, and where other channels are tried.

    Raises:
        StoreUnavailable: nobody can say whether replies have arrived.
    """
    if not content_needs_window(content):
        return []
    heard = store.run(last_reply(sub_account)) > 0
    if policies.window == "skip" or (policies.window == "auto" and heard):
        return [
            "The message is no template: it goes only to those who have written within 24 hours; "
            "the others are skipped (--window send sends it to all)."
        ]
    why = "" if heard else f", and no reply to {sub_account} has been received so far"
    return [
        "The message is no template: WhatsApp refuses it for everybody who has not written within "
        f"24 hours (receipt code 1022){why}. It is sent to all; send a template, or use --window skip."
    ]
