"""The archive as a step sees it: all ports and rules, filled in by ``bootstrap``."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from archive_service.model.findings import FindingPolicy
from archive_service.model.ports import (
    Clock,
    ObjectStore,
    PdfReader,
    Randomness,
    Register,
    Sealer,
    SearchIndex,
    Staging,
)


@dataclass(frozen=True, slots=True)
class Rules:
    """The numbers that an operator sets."""

    max_file_bytes: int = 524_288_000
    quarantine_lock_days: int = 14
    reservation_lease: dt.timedelta = dt.timedelta(minutes=15)
    low_confidence: float = 60.0
    minimum_dpi: int = 200
    job_attempts: int = 6


@dataclass(frozen=True, slots=True)
class Archive:
    """Everything that a step may use. Without a ``sealer`` no result is sealed."""

    register: Register
    store: ObjectStore
    index: SearchIndex
    pdf: PdfReader
    staging: Staging
    clock: Clock
    randomness: Randomness
    policy: FindingPolicy = field(default_factory=FindingPolicy)
    rules: Rules = field(default_factory=Rules)
    sealer: Sealer | None = None
