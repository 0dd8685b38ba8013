"""Messages that are refused alone as if for the account: with a 403, in a lane that had its sub-account
held up before, or with such a code on the one message.

That does not say whether the account may not send, or whether this message may not be sent. The others
of the request tell, or halves of it: where some are taken, it is the message.
"""

from worker.decisions import Verdicts

FEW = 3
"""So many that are refused alone, and none that is taken, are the account's fault."""


def is_hopeless(verdicts: Verdicts) -> bool:
    """No more halves need be asked: it is the account."""
    return not verdicts.accepted and len(verdicts.denied) >= FEW


def decide(verdicts: Verdicts, *, taken_since: bool) -> bool:
    """Empty the list of those that were refused alone. True if it is they: they fail, and an operator
    may have them sent again. If not they go back, and all of the sub-account has to wait.

    Args:
        taken_since: others of the sub-account were taken after the lane had it held up.
    """
    denied = list(verdicts.denied)
    theirs = bool(verdicts.accepted) or (taken_since and len(denied) < FEW)
    verdicts.denied.clear()
    if theirs and not verdicts.account:
        verdicts.failed.extend(denied)
        return True
    verdicts.back.extend(job for job, _ in denied)
    return False
