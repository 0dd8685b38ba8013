"""The provider's probe, explained to its user."""

import pytest

from chatapps.client import Probe, ProbeVerdict
from chatapps.responses import NotSent, Refused
from config.sections import SubAccount
from config.settings import Settings
from sendmany.doctor.provider_probe import explain, probe


@pytest.mark.parametrize("verdict", ProbeVerdict)
def test_every_verdict_has_words_and_if_it_is_bad_a_remedy(verdict: ProbeVerdict) -> None:
    finding = explain(Probe(verdict, Refused(404, 1300)), "Shop", "https://provider.test")
    assert finding.words
    assert finding.good or finding.remedy


def test_only_what_no_worker_could_send_is_hopeless() -> None:
    found = {
        verdict: explain(Probe(verdict, NotSent("ConnectError")), "Shop", "https://provider.test")
        for verdict in ProbeVerdict
    }
    hopeless = {verdict for verdict, finding in found.items() if finding.hopeless}
    assert hopeless == {ProbeVerdict.WRONG_KEY, ProbeVerdict.UNKNOWN_SUB_ACCOUNT}
    assert "ConnectError" in found[ProbeVerdict.UNREACHABLE].words


def test_without_a_key_nobody_is_asked() -> None:
    settings = Settings(sub_accounts={"Shop": SubAccount()})
    finding = probe(settings, "Shop")
    assert (finding.verdict, finding.good, finding.hopeless) == (None, False, False)
