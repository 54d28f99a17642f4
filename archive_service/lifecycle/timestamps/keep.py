"""Keeping stamped batches and their tokens in the locked store, and bringing them back into a register that was lost.

Without them no evidence record can be made; nobody can give a time-stamp of the past again. They are put as soon as a
token is given; every object is create-only and follows from batch and token alone, so that a kill anywhere is harmless.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from archive_service.errors import IntegrityFailure
from archive_service.evidence.entry import format_instant
from archive_service.evidence.kept_batch import kept_batch_objects, kept_token_object, read_kept_batch
from archive_service.evidence.lines import mark_renewed
from archive_service.lifecycle.marks import keep_small
from archive_service.lifecycle.timestamps.stamped import KEPT_UP_TO, kept_before
from archive_service.model.archive import Archive
from archive_service.model.objects import batches_prefix
from archive_service.model.ports import ObjectStore
from archive_service.model.record import ObjectVersion
from archive_service.model.timestamps import TimestampBatch, TimestampToken
from archive_service.model.units import RegisterUnit
from retention.locks import quarantine_lock_until

# Before any time-stamp of this archive.
_BEGINNING = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def keep_timestamps(archive: Archive) -> tuple[str, ...]:
    """Keep every batch that was stamped since the last run, with its tokens.

    Returns the keys under which the store holds something else: an alarm. Idempotent; several workers may run it at
    once. Raises Unavailable: the next run keeps the rest.
    """
    now = archive.clock.now()
    tokens = archive.register.read(lambda unit: unit.timestamps.stamped_since(_since(unit)))
    differing = list[str]()
    for batch_id, given in groupby(tokens, key=lambda token: token.batch_id):
        batch = archive.register.read(lambda unit, batch_id=batch_id: unit.timestamps.get(batch_id))  # type: ignore[misc]
        if batch is not None:
            differing += _keep(archive, batch, list(given))
    archive.register.write(lambda unit: unit.progress.put(KEPT_UP_TO, format_instant(now)))
    return tuple(differing)


def _since(unit: RegisterUnit) -> dt.datetime:
    return kept_before(unit) or _BEGINNING


def _keep(archive: Archive, batch: TimestampBatch, tokens: list[TimestampToken]) -> Iterator[str]:
    """Put a batch and its tokens; yield each key that holds something else."""
    origin = archive.signer.origin
    until = quarantine_lock_until(archive.clock.now(), archive.rules.checkpoint_lock_days)
    for small in (*kept_batch_objects(origin, batch), *(kept_token_object(origin, batch, token) for token in tokens)):
        if not keep_small(archive.store, small, until):
            yield small.key


@dataclass(frozen=True, slots=True)
class RestoredTimestamps:
    """What was brought back: how many batches had something to give, and what is wrong with others."""

    batches: int
    problems: tuple[str, ...]


def restore_timestamps(archive: Archive) -> RestoredTimestamps:
    """Give the register the kept batches and tokens that it lacks, each proven by its token; it keeps what it has.

    Idempotent. Raises Unavailable.
    """
    restored, problems = 0, list[str]()
    listed = archive.store.list_under(batches_prefix(archive.signer.origin))
    for prefix, objects in groupby(listed, key=lambda one: "/".join(one.key.split("/")[:3]) + "/"):
        try:
            batch, tokens = read_kept_batch(prefix, _bodies(archive.store, prefix, list(objects)))
        except IntegrityFailure as unreadable:
            problems.append(unreadable.message.en)
            continue
        restored += archive.register.write(partial(_restore, batch, tokens))
    return RestoredTimestamps(restored, tuple(problems))


def _bodies(store: ObjectStore, prefix: str, objects: list[ObjectVersion]) -> dict[str, bytes]:
    """Return what lies under a batch's prefix: of each key its first version, which is ours, and is listed last."""
    found = {}
    for one in objects:
        with store.read(one.key, one.version) as blocks:
            found[one.key.removeprefix(prefix)] = b"".join(blocks)
    return found


def _restore(batch: TimestampBatch, tokens: list[TimestampToken], unit: RegisterUnit) -> bool:
    """Write what is lacking, and say again which older tokens the batch renewed; return whether anything was."""
    gave = unit.timestamps.restore(batch, tokens)
    if json.loads(batch.renews or "{}").get("tokens"):
        for token in tokens:
            if token.expires_at is not None:
                mark_renewed(unit.timestamps, batch, token.expires_at)
    return gave
