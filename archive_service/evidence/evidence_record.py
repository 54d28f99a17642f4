"""Making evidence records (RFC 4998): time-stamps of a line, chain by chain, as DER."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asn1crypto import cms, tsp

from archive_verify.algorithms import digest
from archive_verify.der import der_sequence
from archive_verify.evidence_record import EvidenceRecord


@dataclass(frozen=True, slots=True)
class Stamp:
    """One archive time-stamp: a token (DER ContentInfo) and the path from what it is about to what it stamps."""

    algorithm: str
    lists: Sequence[Sequence[bytes]]
    token: bytes


def stamp_der(stamp: Stamp) -> bytes:
    """Return the DER of an ArchiveTimeStamp (RFC 4998 §4.1); the token's bytes stay as they are."""
    made = tsp.ArchiveTimeStamp(
        {
            "digest_algorithm": {"algorithm": stamp.algorithm},
            "time_stamp": cms.ContentInfo.load(stamp.token),
        }
    )
    if stamp.lists:
        made["reduced_hashtree"] = [list(part) for part in stamp.lists]
    der: bytes = made.dump()
    return der


def make_evidence_record(chains: Sequence[Sequence[bytes]]) -> bytes:
    """Return the DER of an EvidenceRecord over chains of ArchiveTimeStamps that are DER already (RFC 4998 §3.1)."""
    algorithms = dict.fromkeys(_algorithm(chain[0]) for chain in chains)
    record = EvidenceRecord(
        {
            "version": 1,
            "digest_algorithms": [{"algorithm": name} for name in algorithms],
            "archive_time_stamp_sequence": [],
        }
    )
    version, announced = record["version"].dump(), record["digest_algorithms"].dump()
    return der_sequence(version, announced, der_sequence(*(der_sequence(*chain) for chain in chains)))


def renewed_leaf(algorithm: str, object_digest: bytes, chains: Sequence[Sequence[bytes]]) -> bytes:
    """Return the leaf that renews an object's hash tree: over its digest and all its chains so far (RFC 4998 §5.3).

    ``object_digest`` is by the new hash function; ``chains`` as for ``make_evidence_record``.
    """
    before = digest(algorithm, der_sequence(*(der_sequence(*chain) for chain in chains)))
    return digest(algorithm, object_digest, before)


def _algorithm(stamp: bytes) -> str:
    name: str = tsp.ArchiveTimeStamp.load(stamp)["digest_algorithm"]["algorithm"].native
    return name
