"""Every script of the store, on real servers."""

from tests.conformance.claim_batch import TestClaimBatch
from tests.conformance.drains import TestEnterDrain, TestHints, TestWakeDrain
from tests.conformance.enqueue_messages import TestEnqueueMessages
from tests.conformance.enqueue_rows import TestEnqueueRows
from tests.conformance.evidence import (
    TestAnswersThatCameTooLate,
    TestEvidenceAfterTheEnd,
    TestEvidenceWhileTheJobExists,
)
from tests.conformance.finish_loading import TestFinishLoading
from tests.conformance.inbox import TestInbox
from tests.conformance.mark_posting import TestMarkPosting
from tests.conformance.merged_records import TestMergedRecords
from tests.conformance.move_lane import TestMoveLane
from tests.conformance.open_lane import TestOpenLane
from tests.conformance.parks import TestParks
from tests.conformance.permits import TestAcquirePermits, TestBlockSender, TestReturnPermits
from tests.conformance.promote_due import TestPromoteDue
from tests.conformance.recover_flights import TestRecoverFlights
from tests.conformance.reports import TestLedger, TestMessages, TestReport
from tests.conformance.settle_batch import (
    TestRefusedFigures,
    TestRepeatedAndLost,
    TestSettleBatch,
)

__all__ = [
    "TestAcquirePermits",
    "TestAnswersThatCameTooLate",
    "TestBlockSender",
    "TestClaimBatch",
    "TestEnqueueMessages",
    "TestEnqueueRows",
    "TestEnterDrain",
    "TestEvidenceAfterTheEnd",
    "TestEvidenceWhileTheJobExists",
    "TestFinishLoading",
    "TestHints",
    "TestInbox",
    "TestLedger",
    "TestMarkPosting",
    "TestMergedRecords",
    "TestMessages",
    "TestMoveLane",
    "TestOpenLane",
    "TestParks",
    "TestPromoteDue",
    "TestRecoverFlights",
    "TestRefusedFigures",
    "TestRepeatedAndLost",
    "TestReport",
    "TestReturnPermits",
    "TestSettleBatch",
    "TestWakeDrain",
]
