"""The contract of counting what a hold or an event bears on: both databases pass it."""

from __future__ import annotations

import datetime as dt

from archive_service.model.record import AccessLevel, Record, RecordState
from archive_service.model.units.retention import Coverage, Covered
from archive_service.storage.register.register import SqlRegister
from tests.contracts.register import keep
from tests.results import DA_NANG, HA_NOI, ONE_TIME, PENSION, metadata, record, record_id, subject_id

FIRST, LAST = dt.date(2021, 1, 1), dt.date(2022, 12, 31)


def _records() -> tuple[Record, ...]:
    secret, open_ = AccessLevel.SECRET, AccessLevel.OPEN
    said = (
        metadata(office=DA_NANG, result_type=PENSION, issued_on=FIRST, access_level=secret, dossier_code="A-1"),
        metadata(office=DA_NANG, result_type=ONE_TIME, issued_on=LAST, access_level=open_),
        metadata(office=HA_NOI, result_type=PENSION, issued_on=None, access_level=secret),
        metadata(office=HA_NOI, result_type=PENSION, issued_on=FIRST, access_level=secret),
    )
    states = (RecordState.STORED, RecordState.STORED, RecordState.STORED, RecordState.QUARANTINED)
    return tuple(
        record(number, metadata=one, subject_id=subject_id(number), state=state)
        for number, (one, state) in enumerate(zip(said, states, strict=True), 1)
    )


class RegisterCoverageContract:
    """What every register counts of what a hold or an event would bear on."""

    def test_stored_records_are_counted_by_all_that_is_stated(self, register: SqlRegister) -> None:
        records = _records()
        keep(register, *records)

        def count(coverage: Coverage) -> Covered:
            return register.read(lambda unit: unit.holds.count_covered(coverage))

        size = sum(one.content.size_bytes for one in records[:3])
        assert count(Coverage(None)) == Covered(3, size)
        assert count(Coverage(frozenset({DA_NANG}))).records == 2
        assert count(Coverage(frozenset())) == Covered(0, 0)
        assert count(Coverage(None, record_id=record_id(1))).records == 1
        assert count(Coverage(None, record_id=record_id(4))).records == 0
        assert count(Coverage(None, dossier_code="A-1")).records == 1
        assert count(Coverage(None, subjects=frozenset({subject_id(1), subject_id(2)}))).records == 2
        assert count(Coverage(None, offices=frozenset({HA_NOI}))).records == 1
        assert count(Coverage(frozenset({DA_NANG}), offices=frozenset({HA_NOI}))).records == 0
        assert count(Coverage(None, result_types=frozenset({str(PENSION)}))).records == 2
        assert count(Coverage(None, access_levels=frozenset({"secret"}))).records == 2
        assert count(Coverage(None, access_levels=frozenset({"secret", "open"}))).records == 3
        # One without a day of issue lies in every range of days.
        assert count(Coverage(None, issued_from=LAST)).records == 2
        assert count(Coverage(None, issued_to=FIRST)).records == 2
        assert count(Coverage(None, issued_from=dt.date(2030, 1, 1))).records == 1
