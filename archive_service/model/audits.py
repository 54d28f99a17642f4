"""What an audit looks at, what it can find, and how a run of it stands.

Missing, unreadable, mismatch and drift are different findings: only what is gone or not as it was is an alarm, and
could-not-read is never told as damage.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from archive_service.model.identifiers import OfficeCode, RecordId

# Findings are counted without end and listed up to this many, so that memory and reports stay bounded.
LISTED = 1000


class AuditOutcome(StrEnum):
    """What was found about one record. Its name is part of the report's form."""

    INTACT = "intact"  # everything is there; with verification: the bytes are those recorded
    MISSING = "missing"  # the register knows the object, the store does not have it: an alarm
    MISMATCH = "mismatch"  # the store has other bytes than those recorded: an alarm
    LOST = "lost"  # a deposit was answered for and its record is not in the register: an alarm
    REPAIRED = "repaired"  # was missing or a mismatch; the bytes recorded were put back from the second store
    DRIFT = "drift"  # the bytes are right; the store locks them for a shorter time, or otherwise, than recorded
    UNREADABLE = "unreadable"  # could not be told: the store did not answer
    UNFINISHED = "unfinished"  # left by a deposit that was never answered, or being disposed of; harmless
    REMOVED = "removed"  # was unfinished, and is gone now
    UNKNOWN = "unknown"  # objects of which the register has never heard: was it restored from an older backup?
    UNEXPECTED = "unexpected"  # more objects or versions under a record than this service wrote
    DISPOSED_PRESENT = "disposed-present"  # was disposed of and is still, or again, in the store or the register
    NOT_INDEXED = "not-indexed"  # the register says that it can be found; the index does not have it
    INDEXED_GONE = "indexed-gone"  # the index has it; the register knows no such record to be found
    LOG_BROKEN = "log-broken"  # an entry of the log is not as it was signed: an alarm
    PAYLOAD_MISSING = "payload-missing"  # what entries commit to is gone without a recorded reason: an alarm


ALARMS = frozenset(
    {
        AuditOutcome.MISSING,
        AuditOutcome.MISMATCH,
        AuditOutcome.LOST,
        AuditOutcome.LOG_BROKEN,
        AuditOutcome.PAYLOAD_MISSING,
    }
)


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One thing that there is to tell; ``key`` names the object where it is one. The log has no record."""

    outcome: AuditOutcome
    record_id: RecordId | None
    explanation: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class AuditScope:
    """Which records an audit looks at; None states nothing. Days are those of receipt, both included.

    ``share`` is the part of the records that is drawn, by ``seed``: the same seed draws the same records, so that
    whoever reads the report can draw them again.
    """

    offices: frozenset[OfficeCode] | None = None
    received_from: dt.date | None = None
    received_to: dt.date | None = None
    share: float = 1.0
    seed: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether everything is looked at: only then can be told what is in the store and not in the register."""
        return self.offices is None and self.received_from is None and self.received_to is None and self.share >= 1.0

    def draws(self, record_id: RecordId) -> bool:
        """Whether the record belongs to the sample.

        >>> AuditScope(share=1.0).draws(RecordId("0193a4c1-7b1c-7000-8000-000000000001"))
        True
        """
        if self.share >= 1.0:
            return True
        drawn = int.from_bytes(hashlib.sha256(f"{self.seed}\n{record_id}".encode()).digest()[:8])
        return drawn < self.share * 2**64


class AuditPhase(StrEnum):
    """Where a run stands: the phases in their order."""

    LOG = "log"
    RECORDS = "records"
    EVIDENCE = "evidence"
    INDEX = "index"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class AuditRun:
    """One run of the audit, as far as it has come; one that was cut off goes on after ``position``.

    ``paper_owed``: why its report has no sealed paper beside it from the beginning, None where it has.
    """

    id: str
    scope: AuditScope
    verify: bool
    started_at: dt.datetime
    phase: AuditPhase = AuditPhase.LOG
    position: RecordId | None = None
    counts: Mapping[AuditOutcome, int] = field(default_factory=dict)
    listed: tuple[AuditFinding, ...] = ()
    log_size: int | None = None
    log_root: str | None = None
    ended_at: dt.datetime | None = None
    report_sha256: str | None = None
    paper_owed: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it looks at everything, to the last byte."""
        return self.verify and self.scope.is_whole

    @property
    def alarm(self) -> bool:
        """Whether something that was answered for is not there, or not as it was."""
        return any(outcome in ALARMS for outcome in self.counts)

    @property
    def undecided(self) -> bool:
        """Whether something could not be told."""
        return AuditOutcome.UNREADABLE in self.counts


class Audits(Protocol):
    """Runs of the audit, as far as they have come."""

    def put(self, run: AuditRun) -> None:
        """Write where the run stands."""
        ...

    def get(self, audit_id: str) -> AuditRun | None:
        """Return the run of that id."""
        ...

    def unfinished(self) -> AuditRun | None:
        """Return the latest run, when it has not ended with its report kept."""
        ...

    def last_ended(self) -> AuditRun | None:
        """Return the latest run over everything, with its bytes, that has ended."""
        ...
