"""Time-stamping the log: batches of what was deposited or certified since the last one, tokens asked for and renewed.

Any number of workers run this at once, and a kill anywhere loses nothing: a batch is one transaction that finds its
predecessor unchanged or gives way; an owed token is taken for a while, asked for outside any transaction, and written
where none stands yet. An authority that is down holds up nothing but its own tokens.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archive_service.errors import ArchiveError, IntegrityFailure
from archive_service.evidence.canonical import canonical_json
from archive_service.evidence.hash_tree import Group, GroupKind, HashTree, encode_groups, make_group
from archive_service.evidence.leaves import commits_to_documents, object_digests
from archive_service.evidence.lines import mark_renewed, token_label
from archive_service.model.archive import Archive
from archive_service.model.ports import TimestampAuthority
from archive_service.model.timestamps import TimestampBatch, TimestampToken
from archive_service.model.units import RegisterUnit
from archive_verify.algorithms import digest
from archive_verify.certificates import require_path
from archive_verify.timestamp import Token

# What new batches are hashed with; older trees are renewed by archive_service/lifecycle/timestamps/renew_hash_trees.py.
ALGORITHM = "sha256"

# Log entries looked through in one batch: it bounds memory, and the time to make one evidence record.
LARGEST_BATCH_ENTRIES = 200_000
_ENTRIES_AT_A_TIME = 2_000

# How long one worker keeps an owed token to itself: longer than an authority's time limit.
_LEASE = dt.timedelta(minutes=2)

_FIRST_RETRY = dt.timedelta(seconds=15)
_LONGEST_RETRY = dt.timedelta(minutes=30)

# How long a reason is kept and shown.
_PROBLEM_LETTERS = 300


@dataclass(frozen=True, slots=True)
class StampingFailure:
    """An authority that did not give a token: the error's code, and how often in a row."""

    authority: str
    code: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Stamping:
    """What one round did."""

    batches: int
    tokens: int
    failures: tuple[StampingFailure, ...]


def stamp(archive: Archive) -> Stamping:
    """Make the batches that are due and ask for every token that is owed and due.

    Idempotent; several may run at once. Raises Unavailable when the register does not answer.
    """
    batches = make_batches(archive)
    given, failures = ask_authorities(archive)
    return Stamping(batches, given, failures)


def make_batches(archive: Archive) -> int:
    """Make the batches that are due; return how many. Without authorities none is made. Raises Unavailable."""
    if not archive.authorities:
        return 0
    made = 0
    while (plan := archive.register.read(lambda unit: _plan(archive, unit))) is not None:
        kept = _keep(archive, plan)
        made += kept
        if not kept or plan.end_entry - plan.first_entry < LARGEST_BATCH_ENTRIES:
            break
    return made


def ask_authorities(archive: Archive) -> tuple[int, tuple[StampingFailure, ...]]:
    """Ask for every token that is owed and due; return how many were given, and what failed. Raises Unavailable.

    What an authority owes that was taken out of the settings is not asked for: ``doctor`` tells of it.
    """
    given, failures = 0, []
    asked = {one.name: one for one in archive.authorities}
    # Looking first keeps a worker that has nothing to ask for out of the way of those who write.
    while archive.register.read(lambda unit: unit.timestamps.any_owed(list(asked), archive.clock.now())) and (
        owed := _claim(archive, list(asked))
    ):
        failure = _ask(archive, asked[owed.authority], owed)
        given += failure is None
        failures += [failure] if failure is not None else []
    return given, tuple(failures)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What goes into the next batches. ``expiring`` holds tokens to renew, by the hash function of their batches."""

    first_entry: int
    end_entry: int
    last_made_at: dt.datetime | None
    checkpoint: tuple[int, bytes] | None
    expiring: dict[str, list[TimestampToken]]


def _plan(archive: Archive, unit: RegisterUnit) -> _Plan | None:
    """Return what is to be stamped, None when nothing is due."""
    newest, last_made_at, now = unit.timestamps.newest(), unit.timestamps.last_made_at(), archive.clock.now()
    first = newest.end_entry if newest is not None else 0
    size = unit.log.size()
    is_time = last_made_at is None or now - last_made_at >= archive.rules.timestamp_interval
    if not is_time and size - first < LARGEST_BATCH_ENTRIES:
        return None
    expiring = _worth_renewing(archive, unit, now) if is_time else {}
    if size == first and not expiring:
        return None
    checkpoint = unit.tree.newest()
    return _Plan(
        first_entry=first,
        end_entry=min(size, first + LARGEST_BATCH_ENTRIES),
        last_made_at=last_made_at,
        checkpoint=None if checkpoint is None else (checkpoint.size, checkpoint.note.encode()),
        expiring=expiring,
    )


def _worth_renewing(archive: Archive, unit: RegisterUnit, now: dt.datetime) -> dict[str, list[TimestampToken]]:
    """Return tokens in their renewal window that a new token can outlast: some authority has a later certificate."""
    latest = unit.timestamps.latest_expiry()
    found: dict[str, list[TimestampToken]] = defaultdict(list)
    for token in unit.timestamps.expiring(now + archive.rules.timestamp_renewal):
        batch = unit.timestamps.get(token.batch_id, groups=False)
        if batch is not None and token.expires_at is not None and latest is not None and token.expires_at < latest:
            found[batch.algorithm].append(token)
    return dict(found)


def _keep(archive: Archive, plan: _Plan) -> int:
    """Build the batches of a plan and write them, unless another worker did so meanwhile; return how many."""
    now = archive.clock.now()
    renewed = plan.expiring.get(ALGORITHM, [])
    groups = [*_document_groups(archive, plan), *_checkpoint_group(plan), *_token_groups(ALGORITHM, renewed)]
    groups = groups or _last_entry_group(archive, plan)
    batches = [_batch(plan, ALGORITHM, groups, renewed, now)] if groups else []
    for algorithm, tokens in plan.expiring.items():
        if algorithm != ALGORITHM:
            # A chain has one hash function (RFC 4998 §5.1): these are renewed by a tree of their own.
            alone = _Plan(0, 0, plan.last_made_at, None, {})
            batches.append(_batch(alone, algorithm, _token_groups(algorithm, tokens), tokens, now))

    def keep(unit: RegisterUnit) -> int:
        unit.timestamps.take_turn()
        newest = unit.timestamps.newest()
        first = newest.end_entry if newest is not None else 0
        if (first, unit.timestamps.last_made_at()) != (plan.first_entry, plan.last_made_at):
            return 0
        for batch in batches:
            unit.timestamps.add(batch, [one.name for one in archive.authorities], now)
        return len(batches)

    return archive.register.write(keep)


def _batch(
    plan: _Plan, algorithm: str, groups: Sequence[Group], renewed: Sequence[TimestampToken], now: dt.datetime
) -> TimestampBatch:
    labels = [token_label((one.batch_id, one.authority)) for one in renewed]
    return TimestampBatch(
        first_entry=plan.first_entry,
        end_entry=plan.end_entry,
        checkpoint_size=plan.checkpoint[0] if plan.checkpoint is not None else 0,
        algorithm=algorithm,
        root=HashTree(algorithm, groups).root,
        groups=encode_groups(groups),
        made_at=now,
        renews=canonical_json({"tokens": labels}).decode() if labels else None,
    )


def _document_groups(archive: Archive, plan: _Plan) -> Iterator[Group]:
    """Yield a group for each deposit and each certificate of a disposal in the range: documents and their entry."""
    for start in range(plan.first_entry, plan.end_entry, _ENTRIES_AT_A_TIME):
        count = min(_ENTRIES_AT_A_TIME, plan.end_entry - start)
        # Entries never change, so they need not be seen in one view.
        for logged in archive.register.read(lambda unit, start=start, count=count: unit.log.entries(start, count)):  # type: ignore[misc]
            if commits_to_documents(logged.entry):
                yield make_group(GroupKind.RECORD, str(logged.index), object_digests(logged, "sha256"))


def _checkpoint_group(plan: _Plan) -> list[Group]:
    if plan.checkpoint is None:
        return []
    size, note = plan.checkpoint
    return [make_group(GroupKind.CHECKPOINT, str(size), [hashlib.sha256(note).digest()])]


def _last_entry_group(archive: Archive, plan: _Plan) -> list[Group]:
    """Return a group of the range's last entry: a range without deposits is done with, too, and not looked at again."""
    if plan.end_entry == plan.first_entry:
        return []
    [last] = archive.register.read(lambda unit: unit.log.entries(plan.end_entry - 1, 1))
    return [make_group(GroupKind.ENTRY, str(last.index), [hashlib.sha256(last.entry).digest()])]


def _token_groups(algorithm: str, tokens: Sequence[TimestampToken]) -> list[Group]:
    return [
        make_group(GroupKind.TOKEN, token_label((one.batch_id, one.authority)), [digest(algorithm, one.token)])
        for one in tokens
        if one.token is not None
    ]


def _claim(archive: Archive, authorities: list[str]) -> TimestampToken | None:
    now = archive.clock.now()
    return archive.register.write(lambda unit: unit.timestamps.claim_owed(authorities, now, now + _LEASE))


def _ask(archive: Archive, authority: TimestampAuthority, owed: TimestampToken) -> StampingFailure | None:
    """Ask for one token and keep how that ended."""
    batch = archive.register.read(lambda unit: unit.timestamps.get(owed.batch_id, groups=False))
    if batch is None:
        return _failed(archive, owed, IntegrityFailure.code, "its batch is not in the register")
    try:
        token = authority.stamp(batch.root, batch.algorithm)
    except ArchiveError as error:
        return _failed(archive, owed, error.code, error.message.en)

    ends = _lasts_until(token, authority.roots)

    def keep(unit: RegisterUnit) -> None:
        if unit.timestamps.stamped(owed.batch_id, owed.authority, token.der, token.at, ends):
            mark_renewed(unit.timestamps, batch, ends)

    archive.register.write(keep)
    return None


def _lasts_until(token: Token, roots: Sequence[bytes]) -> dt.datetime:
    """Return the first end of a certificate on the token's path: by then it must have been renewed."""
    path = require_path(token.signer, roots, token.certificates, token.at)
    ends: dt.datetime = min(one.not_valid_after for one in path)
    return ends


def _failed(archive: Archive, owed: TimestampToken, code: str, problem: str) -> StampingFailure:
    due_at = archive.clock.now() + min(_LONGEST_RETRY, _FIRST_RETRY * 2.0 ** min(owed.attempts - 1, 12))
    said = problem[:_PROBLEM_LETTERS]
    archive.register.write(lambda unit: unit.timestamps.failed(owed.batch_id, owed.authority, said, due_at))
    return StampingFailure(owed.authority, code, owed.attempts)
