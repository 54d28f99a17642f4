"""Keeping what retention rests on in the store, where it outlives the register, and locked as evidence is.

Not a step itself. What errs to keep comes first: a hold and a withdrawal are in the store before the register hears of
them, an event and a lifting after; so that a stop between leaves records kept for longer, never for less.
"""

from __future__ import annotations

from archive_service.errors import unavailable
from archive_service.lifecycle.marks import keep_small, oldest, read_small
from archive_service.model.archive import Archive
from archive_service.model.identifiers import Identifier, SubjectId
from archive_service.model.objects import SmallObject
from archive_service.model.units import RegisterUnit
from retention.locks import quarantine_lock_until


def keep_rule(archive: Archive, wanted: SmallObject) -> bytes:
    """Put the object, locked as evidence, and return the bytes that stand under its key: what was first stays.

    Raises Unavailable; IntegrityFailure when what stands there cannot be one of ours.
    """
    until = quarantine_lock_until(archive.clock.now(), archive.rules.checkpoint_lock_days)
    if keep_small(archive.store, wanted, until):
        return wanted.body
    first = oldest(listed for listed in archive.store.list_under(wanted.key) if listed.key == wanted.key)
    if first is None:
        raise unavailable("store")
    return read_small(archive.store, first)


def own_identifiers(unit: RegisterUnit, subject_id: SubjectId) -> tuple[Identifier, ...]:
    """Return the numbers that the subject itself was registered with: what names it to another register."""
    subject = unit.subjects.get(subject_id)
    return () if subject is None else tuple(dated.identifier for dated in subject.identifiers)


def identifiers_of(unit: RegisterUnit, subject_id: SubjectId) -> tuple[Identifier, ...]:
    """Return every number of the subject and of those merged with it, its own first."""
    family = unit.subjects.family(subject_id)
    all_of_them = (dated.identifier for member in family for dated in member.identifiers)
    return tuple(dict.fromkeys((*own_identifiers(unit, subject_id), *all_of_them)))
