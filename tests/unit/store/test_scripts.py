"""Every script of the store, on fakeredis."""

from tests.conformance.breakers import (
    TestCloseBreaker,
    TestCountServerError,
    TestOpenBreaker,
    TestProbes,
    TestTemplates,
)
from tests.conformance.claim_batch import TestClaimBatch
from tests.conformance.drains import TestEnterDrain, TestHints, TestWakeDrain
from tests.conformance.enqueue_messages import TestEnqueueMessages, TestScheduledMessages
from tests.conformance.enqueue_rows import TestEnqueueRows
from tests.conformance.evidence import (
    TestAnswersThatCameTooLate,
    TestCodesOfReceipts,
    TestEvidenceAfterTheEnd,
    TestEvidenceOfOthers,
    TestEvidenceWhileTheJobExists,
)
from tests.conformance.expire_lane import TestEndedLanes, TestExpireLane
from tests.conformance.finish_loading import TestFinishLoading
from tests.conformance.inbox import TestInbox
from tests.conformance.look_at_lane import TestLookAtLane
from tests.conformance.mark_posting import TestMarkPosting
from tests.conformance.merged_records import TestMergedRecords
from tests.conformance.metrics import TestFlushMetrics
from tests.conformance.move_lane import TestMoveLane
from tests.conformance.note_sweep import TestNoteSweep
from tests.conformance.open_lane import TestOpenLane
from tests.conformance.parks import TestParks
from tests.conformance.people import TestScreenPeople, TestSuppressions, TestWindows
from tests.conformance.permits import TestAcquirePermits, TestBlockSender, TestReturnPermits
from tests.conformance.promote_due import TestPromoteDue
from tests.conformance.recover_flights import TestRecoverFlights
from tests.conformance.reports import TestLedger, TestMessages, TestReport
from tests.conformance.revive_dead import (
    TestClose,
    TestListDead,
    TestRepeatsAndBounds,
    TestResend,
    TestSettleDead,
)
from tests.conformance.sent_batches import TestSentBatches
from tests.conformance.settle_batch import (
    TestRefusedFigures,
    TestRepeatedAndLost,
    TestSettleBatch,
)
from tests.conformance.siblings import TestHoldSiblings
from tests.conformance.tokens import TestTokens

__all__ = [
    "TestAcquirePermits",
    "TestAnswersThatCameTooLate",
    "TestBlockSender",
    "TestClaimBatch",
    "TestClose",
    "TestCloseBreaker",
    "TestCodesOfReceipts",
    "TestCountServerError",
    "TestEndedLanes",
    "TestEnqueueMessages",
    "TestEnqueueRows",
    "TestEnterDrain",
    "TestEvidenceAfterTheEnd",
    "TestEvidenceOfOthers",
    "TestEvidenceWhileTheJobExists",
    "TestExpireLane",
    "TestFinishLoading",
    "TestFlushMetrics",
    "TestHints",
    "TestHoldSiblings",
    "TestInbox",
    "TestLedger",
    "TestListDead",
    "TestLookAtLane",
    "TestMarkPosting",
    "TestMergedRecords",
    "TestMessages",
    "TestMoveLane",
    "TestNoteSweep",
    "TestOpenBreaker",
    "TestOpenLane",
    "TestParks",
    "TestProbes",
    "TestPromoteDue",
    "TestRecoverFlights",
    "TestRefusedFigures",
    "TestRepeatedAndLost",
    "TestRepeatsAndBounds",
    "TestReport",
    "TestResend",
    "TestReturnPermits",
    "TestScheduledMessages",
    "TestScreenPeople",
    "TestSentBatches",
    "TestSettleBatch",
    "TestSettleDead",
    "TestSuppressions",
    "TestTemplates",
    "TestTokens",
    "TestWakeDrain",
    "TestWindows",
]
