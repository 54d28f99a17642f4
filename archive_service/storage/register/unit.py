"""One register transaction with all its kinds of rows."""

from __future__ import annotations

from sqlalchemy import Connection

from archive_service.model.ports import Randomness
from archive_service.storage.register.api_keys import SqlApiKeys, SqlProgress
from archive_service.storage.register.audits import SqlAudits
from archive_service.storage.register.disposals import SqlDisposals
from archive_service.storage.register.event_log import SqlLog
from archive_service.storage.register.event_times import EventTimes
from archive_service.storage.register.findings import SqlFindings
from archive_service.storage.register.jobs import SqlJobs
from archive_service.storage.register.log_tiles import SqlLogTree
from archive_service.storage.register.records import SqlRecords
from archive_service.storage.register.reference import SqlReference
from archive_service.storage.register.renditions import SqlRenditions
from archive_service.storage.register.reservations import SqlReservations
from archive_service.storage.register.retention import SqlHolds, SqlSchedules, SqlStandings, SqlToldEvents
from archive_service.storage.register.signature_reports import SqlSignatureReports
from archive_service.storage.register.subjects import SqlSubjects
from archive_service.storage.register.texts import SqlTexts
from archive_service.storage.register.timestamps import SqlTimestamps


class SqlUnit:
    """Implements ``RegisterUnit`` on one connection that is in a transaction."""

    def __init__(self, connection: Connection, randomness: Randomness, times: EventTimes) -> None:
        self.reservations = SqlReservations(connection)
        self.records = SqlRecords(connection)
        self.texts = SqlTexts(connection)
        self.signature_reports = SqlSignatureReports(connection)
        self.renditions = SqlRenditions(connection)
        self.findings = SqlFindings(connection)
        self.subjects = SqlSubjects(connection)
        self.reference = SqlReference(connection)
        self.log = SqlLog(connection, randomness, times)
        self.tree = SqlLogTree(connection)
        self.jobs = SqlJobs(connection)
        self.api_keys = SqlApiKeys(connection)
        self.audits = SqlAudits(connection)
        self.progress = SqlProgress(connection)
        self.timestamps = SqlTimestamps(connection)
        self.schedules = SqlSchedules(connection)
        self.told_events = SqlToldEvents(connection)
        self.holds = SqlHolds(connection)
        self.standings = SqlStandings(connection)
        self.disposals = SqlDisposals(connection)
