"""What one register transaction offers to a step: a small port for each kind of row.

Every method takes part in the transaction it was reached through; none commits.
"""

from __future__ import annotations

from typing import Protocol

from archive_service.model.audits import Audits
from archive_service.model.timestamps import Timestamps
from archive_service.model.units.api_keys import ApiKeys
from archive_service.model.units.disposals import Disposals
from archive_service.model.units.jobs import Jobs, Progress
from archive_service.model.units.log import Log, LogTree
from archive_service.model.units.records import Findings, Records, Renditions, SignatureReports, Texts
from archive_service.model.units.reservations import Reservations
from archive_service.model.units.retention import HoldRows, Schedules, Standings, ToldEvents
from archive_service.model.units.subjects import Reference, Subjects


class RegisterUnit(Protocol):
    """One transaction, with all its kinds of rows."""

    @property
    def reservations(self) -> Reservations:
        """Deposits in progress."""
        ...

    @property
    def records(self) -> Records:
        """Records and their metadata."""
        ...

    @property
    def texts(self) -> Texts:
        """Words of records."""
        ...

    @property
    def signature_reports(self) -> SignatureReports:
        """Reports of signatures."""
        ...

    @property
    def renditions(self) -> Renditions:
        """Copies beside the originals."""
        ...

    @property
    def findings(self) -> Findings:
        """What checks found."""
        ...

    @property
    def subjects(self) -> Subjects:
        """Persons and employers."""
        ...

    @property
    def reference(self) -> Reference:
        """Offices, result types, procedures."""
        ...

    @property
    def log(self) -> Log:
        """What happened."""
        ...

    @property
    def tree(self) -> LogTree:
        """The log's tree."""
        ...

    @property
    def timestamps(self) -> Timestamps:
        """Stamped batches of the log."""
        ...

    @property
    def schedules(self) -> Schedules:
        """Retention schedules that were adopted."""
        ...

    @property
    def told_events(self) -> ToldEvents:
        """Events that start periods."""
        ...

    @property
    def holds(self) -> HoldRows:
        """Holds."""
        ...

    @property
    def standings(self) -> Standings:
        """Where records stand by their retention."""
        ...

    @property
    def disposals(self) -> Disposals:
        """Proposals for disposal, and what became of their records."""
        ...

    @property
    def jobs(self) -> Jobs:
        """Follow-up work."""
        ...

    @property
    def api_keys(self) -> ApiKeys:
        """Keys of callers."""
        ...

    @property
    def audits(self) -> Audits:
        """Runs of the audit."""
        ...

    @property
    def progress(self) -> Progress:
        """Where long runs stand."""
        ...
