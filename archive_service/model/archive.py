"""The archive as a step sees it: all ports and rules, filled in by ``bootstrap``."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from archive_service.model.policy import FindingPolicy
from archive_service.model.ports import (
    Clock,
    LogSigning,
    ObjectStore,
    PdfReader,
    Randomness,
    Register,
    Sealer,
    SearchIndex,
    Staging,
    TimestampAuthority,
)
from archive_service.model.record import Record
from archive_service.model.units import RegisterUnit
from archive_verify.notes import VerifierKey
from retention.locks import LockTerms


@dataclass(frozen=True, slots=True)
class Rules:
    """The numbers that an operator sets."""

    max_file_bytes: int = 524_288_000
    quarantine_lock_days: int = 14
    reservation_lease: dt.timedelta = dt.timedelta(minutes=15)
    low_confidence: float = 60.0
    minimum_dpi: int = 200
    job_attempts: int = 6
    checkpoint_interval: dt.timedelta = dt.timedelta(seconds=60)
    maximum_merge_delay: dt.timedelta = dt.timedelta(days=1)
    checkpoint_lock_days: int = 3650
    timestamp_interval: dt.timedelta = dt.timedelta(hours=1)
    timestamp_renewal: dt.timedelta = dt.timedelta(days=90)
    lock_mode: str = "governance"
    audit_interval: dt.timedelta | None = None
    locks: LockTerms = field(default_factory=LockTerms)
    council_size: int = 3
    store_clock_bound: dt.timedelta = dt.timedelta(minutes=5)
    seals_results: bool = True


@dataclass(frozen=True, slots=True)
class Archive:
    """Everything that a step may use. Without a ``sealer`` neither results nor the archive's own papers are sealed.

    ``agency_roots``: whom the operator trusts to vouch for signatures (DER), to be told to others.
    """

    register: Register
    store: ObjectStore
    index: SearchIndex
    pdf: PdfReader
    staging: Staging
    clock: Clock
    randomness: Randomness
    signer: LogSigning
    policy: FindingPolicy = field(default_factory=FindingPolicy)
    rules: Rules = field(default_factory=Rules)
    witnesses: tuple[VerifierKey, ...] = ()
    authorities: tuple[TimestampAuthority, ...] = ()
    second_store: ObjectStore | None = None
    sealer: Sealer | None = None
    agency_roots: tuple[bytes, ...] = ()

    @property
    def result_sealer(self) -> Sealer | None:
        """Who seals digitised results, None where they are not to be sealed."""
        return self.sealer if self.rules.seals_results else None

    def is_to_seal(self, unit: RegisterUnit, record: Record) -> bool:
        """Whether a rendition of the record gets the archive's seal: the policy says so, and nobody has signed it."""
        wanted = self.result_sealer is not None and self.policy.seals(record.metadata)
        return wanted and unit.signature_reports.get(record.id) is None
