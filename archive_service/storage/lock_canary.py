"""Proves that a store keeps its word about locks, by trying to break one on objects made for it.

A store that accepts a lock and does not enforce it looks like one that does, until the day it matters. The
canaries lie under ``canary/``, apart from every record; nothing else is ever touched. Verdicts are those of
ETSI EN 319 102-1 in spirit: what could not be tried is indeterminate, never passed.
"""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from archive_service.errors import ArchiveError, Conflict, IntegrityFailure, NotFound
from archive_service.model.ports import LockTrial, ObjectStore, ProofResult
from archive_service.model.record import ObjectVersion
from archive_service.storage.digests import digest_of

_CONTENT = b"canary"
_OTHER_CONTENT = b"another canary"
# Long enough that the trials end before it on a slow store, short enough that the next run finds it ended.
_LOCK = dt.timedelta(seconds=60)
# Short, because the trial waits for its end.
_SHORT_LOCK = dt.timedelta(seconds=2)
_MARGIN_SECONDS = 0.5
# Canaries younger than this may belong to a proof that runs on another host at the moment.
_YOUNG = dt.timedelta(minutes=5)
_STAMP = "%Y%m%dT%H%M%SZ"

_Verdict = tuple[ProofResult, str]


class LockableStore(ObjectStore, Protocol):
    """What the trials ask of a store: ObjectStore's own methods, and one that asks for a shorter lock."""

    def replace_lock(self, key: str, version: str, until: dt.datetime) -> None:
        """Ask for another lock, an earlier one too. Raises Conflict when the store refuses."""
        ...


def prove_lock(store: LockableStore, now: dt.datetime) -> tuple[LockTrial, ...]:
    """Run every trial and return its verdict; takes about 3 seconds. Never raises for what a trial shows."""
    _sweep(store, now)
    folder = f"canary/{now.astimezone(dt.UTC):{_STAMP}}-{uuid.uuid4().hex[:12]}"
    started = time.monotonic()

    def present() -> dt.datetime:
        return now + dt.timedelta(seconds=time.monotonic() - started)

    return (
        _trial("overwrite", lambda: _try_to_overwrite(store, f"{folder}/overwrite", present())),
        _trial("delete-while-locked", lambda: _try_to_delete(store, f"{folder}/delete", present())),
        _trial("shorten", lambda: _try_to_shorten(store, f"{folder}/shorten", present())),
        _trial("delete-while-held", lambda: _try_to_delete_held(store, f"{folder}/held", present())),
    )


def _trial(name: str, attempt: Callable[[], _Verdict]) -> LockTrial:
    try:
        result, explanation = attempt()
    except ArchiveError as failure:
        result = ProofResult.INDETERMINATE
        explanation = f"It could not be tried: {failure.message.en}"
    return LockTrial(name, result, explanation)


def _try_to_overwrite(store: LockableStore, key: str, now: dt.datetime) -> _Verdict:
    store.put(key, _CONTENT, digest_of(_CONTENT), now + _LOCK)
    with suppress(IntegrityFailure):
        store.put(key, _OTHER_CONTENT, digest_of(_OTHER_CONTENT), now + _LOCK)
    versions = len(list(store.list_under(key)))
    if versions == 1:
        return ProofResult.PASSED, "A second object under the same key was refused."
    return ProofResult.FAILED, f"A second object was taken under the same key: it has {versions} versions."


def _try_to_delete(store: LockableStore, key: str, now: dt.datetime) -> _Verdict:
    canary = store.put(key, _CONTENT, digest_of(_CONTENT), now + _LOCK)
    try:
        store.delete(key, canary.version)
    except Conflict:
        return ProofResult.PASSED, "Deleting a locked version was refused."
    if _is_there(store, canary):
        return ProofResult.PASSED, "Deleting a locked version was ignored: it is still there."
    return ProofResult.FAILED, "A locked version was deleted."


def _try_to_shorten(store: LockableStore, key: str, now: dt.datetime) -> _Verdict:
    canary = store.put(key, _CONTENT, digest_of(_CONTENT), now + _LOCK)
    with suppress(Conflict):
        store.replace_lock(key, canary.version, now + _LOCK / 2)
    until = store.lock_of(key, canary.version)
    if until is not None and canary.locked_until is not None and until >= canary.locked_until:
        return ProofResult.PASSED, "Shortening a lock was refused."
    return ProofResult.FAILED, "A lock was shortened."


def _try_to_delete_held(store: LockableStore, key: str, now: dt.datetime) -> _Verdict:
    """Delete under a hold after the retention has ended; a delete after the hold proves that it had."""
    began = time.monotonic()
    canary = store.put(key, _CONTENT, digest_of(_CONTENT), now + _SHORT_LOCK)
    store.set_hold(key, canary.version, held=True)
    lasts = ((canary.locked_until or now) - now).total_seconds()
    time.sleep(max(0.0, lasts + _MARGIN_SECONDS - (time.monotonic() - began)))
    with suppress(Conflict):
        store.delete(key, canary.version)
    if not _is_there(store, canary):
        return ProofResult.FAILED, (
            "A version under a legal hold was deleted once its own retention had ended. On this store a hold "
            "only holds while the retention lies in the future too: keep renewing it."
        )
    store.set_hold(key, canary.version, held=False)
    try:
        store.delete(key, canary.version)
    except Conflict:
        return ProofResult.INDETERMINATE, (
            "The version could not be deleted after its hold either: its retention had not ended by the "
            "store's clock. Compare the clocks."
        )
    return ProofResult.PASSED, "Deleting a held version was refused after its retention had ended."


def _is_there(store: LockableStore, canary: ObjectVersion) -> bool:
    try:
        store.lock_of(canary.key, canary.version)
    except NotFound:
        return False
    return True


def _sweep(store: LockableStore, now: dt.datetime) -> None:
    """Delete canaries of earlier runs whose lock has ended; the next run sees to what cannot be deleted."""
    with suppress(ArchiveError):
        for canary in store.list_under("canary/"):
            if _is_old(canary.key, now):
                with suppress(ArchiveError):
                    store.set_hold(canary.key, canary.version, held=False)
                    store.delete(canary.key, canary.version)


def _is_old(key: str, now: dt.datetime) -> bool:
    """Whether a key is a canary of a run that has surely ended.

    >>> noon = dt.datetime(2026, 11, 1, 12, tzinfo=dt.timezone.utc)
    >>> _is_old("canary/20261101T115000Z-0123456789ab/held", noon)
    True
    >>> _is_old("canary/20261101T115900Z-0123456789ab/held", noon), _is_old("canary/ready", noon)
    (False, False)
    """
    stamp = key.removeprefix("canary/").partition("-")[0]
    try:
        made_at = dt.datetime.strptime(stamp, _STAMP).replace(tzinfo=dt.UTC)
    except ValueError:
        return False
    return now - made_at > _YOUNG
