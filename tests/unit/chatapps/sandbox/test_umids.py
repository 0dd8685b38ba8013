"""Ids that remember."""

import uuid

from chatapps.sandbox.umids import MessageStatus, UmidMint


def test_a_umid_tells_what_became_of_its_message() -> None:
    mint = UmidMint("0123abcd")
    taken = mint.complete(mint.stem(0, 0))
    refused = mint.complete(mint.stem(1002, 70_000))
    assert mint.read(taken) == MessageStatus(0, 0)
    assert mint.read(refused.upper()) == MessageStatus(1002, 70_000)


def test_umids_are_different_uuids() -> None:
    mint = UmidMint("0123abcd")
    stem = mint.stem(3041, 12)
    umids = {mint.complete(stem) for _ in range(100)}
    assert len(umids) == 100
    assert {uuid.UUID(umid).version for umid in umids} == {4}


def test_an_id_that_was_never_given_is_unknown() -> None:
    mint = UmidMint("0123abcd")
    given = mint.complete(mint.stem(0, 0))
    assert mint.read(given[:-1] + "2") is None
    assert mint.read(UmidMint("ffffffff").complete(mint.stem(0, 0)).replace("0123", "9999")) is None
    assert mint.read(str(uuid.uuid4())) is None
    assert mint.read("x") is None
