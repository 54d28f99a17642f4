"""A stamped batch and its tokens as they lie in the store: what evidence records are made of, proven by the tokens.

Three kinds of object a batch: what it is (JSON), its groups as they are kept (archive_service/evidence/hash_tree.py),
and each authority's token with its times (JSON). None holds anything that is not in the tree which was stamped.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from archive_service.evidence.entry import format_instant, parse_instant
from archive_service.evidence.hash_tree import HashTree, decode_groups
from archive_service.model.objects import SmallObject, batch_prefix, json_object, not_readable, small_object
from archive_service.model.timestamps import TimestampBatch, TimestampToken
from archive_verify.errors import Refused, Undecided
from archive_verify.timestamp import read_token, require_stamped

KEPT_BATCH_FORMAT = 1

# Names of the objects under a batch's prefix.
BATCH, GROUPS, TOKENS = "batch", "groups", "tokens/"


def kept_batch_objects(origin: str, batch: TimestampBatch) -> tuple[SmallObject, SmallObject]:
    """Return the groups and then what the batch is, as they are put into the store: the same batch, the same bytes."""
    prefix = batch_prefix(origin, batch.id, batch.root)
    values = {
        "format": KEPT_BATCH_FORMAT,
        "id": batch.id,
        "first_entry": batch.first_entry,
        "end_entry": batch.end_entry,
        "checkpoint_size": batch.checkpoint_size,
        "algorithm": batch.algorithm,
        "root": batch.root.hex(),
        "made_at": format_instant(batch.made_at),
        "renews": batch.renews,
    }
    return small_object(prefix + GROUPS, batch.groups), json_object(prefix + BATCH, values)


def kept_token_object(origin: str, batch: TimestampBatch, token: TimestampToken) -> SmallObject:
    """Return a token that was given, as it is put into the store. Raises ValueError for one that is owed."""
    if token.token is None or token.stamped_at is None or token.expires_at is None:
        raise ValueError(f"{token.authority} has not stamped batch {batch.id}")
    values = {
        "format": KEPT_BATCH_FORMAT,
        "token": base64.b64encode(token.token).decode(),
        "stamped_at": format_instant(token.stamped_at),
        "expires_at": format_instant(token.expires_at),
    }
    return json_object(f"{batch_prefix(origin, batch.id, batch.root)}{TOKENS}{token.authority}", values)


def read_kept_batch(prefix: str, bodies: Mapping[str, bytes]) -> tuple[TimestampBatch, list[TimestampToken]]:
    """Return a batch with its tokens. ``bodies`` are the objects under the prefix, by the rest of their keys.

    Raises IntegrityFailure when something is missing or not what it should be, when the groups do not lead to the
    root, or a token does not stamp it. Whom to trust is not asked here.
    """
    try:
        batch = _batch(bodies[BATCH], bodies[GROUPS])
        if HashTree(batch.algorithm, decode_groups(batch.groups, batch.algorithm)).root != batch.root:
            raise not_readable(prefix + GROUPS)
        names = sorted(name for name in bodies if name.startswith(TOKENS))
        return batch, [_token(batch, name.removeprefix(TOKENS), bodies[name]) for name in names]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, Refused, Undecided) as wrong:
        raise not_readable(prefix + BATCH) from wrong


def _batch(body: bytes, groups: bytes) -> TimestampBatch:
    values = json.loads(body)
    renews = values["renews"]
    return TimestampBatch(
        first_entry=int(values["first_entry"]),
        end_entry=int(values["end_entry"]),
        checkpoint_size=int(values["checkpoint_size"]),
        algorithm=str(values["algorithm"]),
        root=bytes.fromhex(values["root"]),
        groups=groups,
        made_at=parse_instant(values["made_at"]),
        renews=str(renews) if renews is not None else None,
        id=int(values["id"]),
    )


def _token(batch: TimestampBatch, authority: str, body: bytes) -> TimestampToken:
    values = json.loads(body)
    der = base64.b64decode(values["token"], validate=True)
    require_stamped(read_token(der), batch.root, batch.algorithm)
    stamped_at = parse_instant(values["stamped_at"])
    return TimestampToken(
        batch_id=batch.id,
        authority=authority,
        token=der,
        stamped_at=stamped_at,
        expires_at=parse_instant(values["expires_at"]),
        renewed_by=None,
        problem=None,
        attempts=1,
        due_at=stamped_at,
    )
