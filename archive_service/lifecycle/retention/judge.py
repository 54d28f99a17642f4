"""What bears on the retention of records, gathered in bulk, and the decision that follows on a day.

Not a step itself; the steps that decide, explain and dispose ask it, so that all of them judge alike.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from archive_service.model.identifiers import OfficeCode, RecordId, SubjectId
from archive_service.model.record import Record, RelationKind
from archive_service.model.reference import Office
from archive_service.model.retention import EventScope, ToldEvent
from archive_service.model.units import RegisterUnit
from archive_service.model.units.retention import RelationTo
from retention.calendar import day_of
from retention.decide import Decision, Facts, decide
from retention.holds import Holds
from retention.schedule import NO_SCHEDULE, Schedule

# What it means for an earlier record that a later one says this of it (Decree 61/2018 Art. 21).
TRIGGER_OF_RELATION: Mapping[str, str] = {
    RelationKind.REPLACES: "replaced",
    RelationKind.ANNULS: "superseded",
}


@dataclass(frozen=True, slots=True)
class Judge:
    """The rules as they stand in one transaction: the schedule that decides on the day, and every hold."""

    schedule: Schedule
    holds: Holds
    today: dt.date
    placed_by: Mapping[str, OfficeCode]
    _offices: Mapping[OfficeCode, Office]
    _paths: dict[OfficeCode, tuple[str, ...]] = field(default_factory=dict)

    @staticmethod
    def of(unit: RegisterUnit, today: dt.date) -> Judge:
        """Return the judge of a day in the archive's place. It may be asked about any number of records."""
        adopted, standing = unit.schedules.deciding(today), unit.holds.standing()
        return Judge(
            schedule=NO_SCHEDULE if adopted is None else adopted.schedule,
            holds=Holds.of(placed.hold for placed in standing),
            placed_by={placed.hold.id: placed.office for placed in standing},
            today=today,
            _offices={office.code: office for office in unit.reference.offices()},
        )

    def decisions(self, unit: RegisterUnit, records: Sequence[Record]) -> dict[RecordId, Decision]:
        """Return where each record stands on the day. A few queries, however many records there are."""
        return {one: self._decision(facts) for one, facts in self.facts(unit, records).items()}

    def _decision(self, facts: Facts) -> Decision:
        decision = decide(facts, self.schedule, self.holds, self.today)
        # Whoever places a hold speaks for the records of its own offices, as whoever tells an event does.
        own = tuple(hold for hold in decision.holds if self.placed_by[hold.id] in facts.office_path)
        return decision if own == decision.holds else replace(decision, holds=own)

    def facts(self, unit: RegisterUnit, records: Sequence[Record]) -> dict[RecordId, Facts]:
        """Return what is known of each record that bears on its retention."""
        families = unit.subjects.families(sorted({record.subject_id for record in records}))
        told = _Told.of(unit, records, families)
        related = unit.records.relations_to([record.id for record in records])
        return {record.id: self._facts(record, families, told, related.get(record.id, ())) for record in records}

    def path_of(self, office: OfficeCode) -> tuple[str, ...]:
        """Return the office, every one above it, and those that succeeded one of these, nearest first."""
        found = self._paths.get(office)
        if found is None:
            found = self._paths[office] = tuple(self._upwards(office))
        return found

    def offices_under(self, codes: Iterable[str]) -> frozenset[OfficeCode]:
        """Return every office of whose records a word about one of these codes speaks: the reverse of ``path_of``."""
        wanted = frozenset(codes)
        return frozenset(office for office in self._offices if not wanted.isdisjoint(self.path_of(office)))

    def _upwards(self, office: OfficeCode) -> Iterator[str]:
        seen = [office]
        for code in seen:  # grows while it is walked
            yield code
            here = self._offices.get(code)
            if here is not None:
                seen += [one for one in (here.parent, here.successor) if one is not None and one not in seen]

    def _facts(
        self,
        record: Record,
        families: Mapping[SubjectId, tuple[SubjectId, ...]],
        told: _Told,
        related: Sequence[RelationTo],
    ) -> Facts:
        said, path = record.metadata, self.path_of(record.metadata.office)
        subjects = families.get(record.subject_id, (record.subject_id,))
        dates = {"received": day_of(record.received_at)}
        # Nothing happened to a document before there was one: a day told wrongly never makes it due at once.
        exists_from = said.issued_on or dates["received"]
        if said.issued_on is not None:
            dates["document-date"] = said.issued_on
        for event in told.about(record, subjects):
            # Whoever told it speaks for the records of its own offices only.
            if event.office in path:
                _later(dates, event.trigger, max(event.happened_on, exists_from))
        for relation in related:
            trigger = TRIGGER_OF_RELATION.get(relation.kind)
            if trigger is not None:
                _later(dates, trigger, max(since(relation), exists_from))
        return Facts(
            record_id=record.id,
            result_type=said.result_type,
            office_path=path,
            access_level=str(said.access_level),
            dates=dates,
            subject_ids=tuple(subjects),
            dossier_code=said.dossier_code,
        )


def since(relation: RelationTo) -> dt.date:
    """Return from when a later record's word counts: its own date, or the day on which it was stored."""
    return relation.since if relation.since is not None else day_of(relation.stored_at)


@dataclass(frozen=True, slots=True)
class _Told:
    """The events that stand, by what they happened to."""

    by_target: Mapping[tuple[EventScope, str], list[ToldEvent]]

    @staticmethod
    def of(unit: RegisterUnit, records: Sequence[Record], families: Mapping[SubjectId, tuple[SubjectId, ...]]) -> _Told:
        dossiers = {record.metadata.dossier_code for record in records} - {None}
        asked: dict[EventScope, Iterable[str]] = {
            EventScope.RECORD: {record.id for record in records},
            EventScope.DOSSIER: {str(one) for one in dossiers},
            EventScope.SUBJECT: {member for family in families.values() for member in family},
        }
        by_target: dict[tuple[EventScope, str], list[ToldEvent]] = {}
        for scope, targets in asked.items():
            for event in unit.told_events.of(scope, sorted(targets)):
                if event.withdrawn is None:
                    by_target.setdefault((scope, event.target), []).append(event)
        return _Told(by_target)

    def about(self, record: Record, subjects: Sequence[SubjectId]) -> Iterator[ToldEvent]:
        yield from self.by_target.get((EventScope.RECORD, record.id), ())
        yield from self.by_target.get((EventScope.DOSSIER, record.metadata.dossier_code or ""), ())
        for subject in subjects:
            yield from self.by_target.get((EventScope.SUBJECT, subject), ())


def _later(dates: dict[str, dt.date], trigger: str, day: dt.date) -> None:
    """Note the day of a trigger; of several, as of payments, the last one counts: what errs, errs to keep."""
    dates[trigger] = max(day, dates.get(trigger, day))
