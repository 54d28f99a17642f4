"""Evidence records (RFC 4998): data existed at the time of the first of a chain of time-stamps.

Each time-stamp keeps the one before good. What is checked here needs no trust root: hash trees, renewals, their order
and every token's signature. Whether the tokens' signers are trusted is asked of ``require_record_trusted``, with the
auditor's own roots.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from asn1crypto import algos, core, tsp

from archive_verify.algorithms import digest, hash_name
from archive_verify.der import der_sequence, reading
from archive_verify.errors import Malformed, Refused, Undecided
from archive_verify.timestamp import Token, read_token, require_stamped, require_trusted

# Something that was archived: its bytes, or what gives its digest by a hash function's name ("sha256").
DataObject = bytes | Callable[[str], bytes]


class ArchiveTimeStampChain(core.SequenceOf):  # type: ignore[misc]  # asn1crypto has no types
    """Time-stamps of one hash function, each renewing the one before."""

    _child_spec = tsp.ArchiveTimeStamp


class ArchiveTimeStampSequence(core.SequenceOf):  # type: ignore[misc]  # as above
    """Chains, each renewing the hash trees of those before; asn1crypto's own class lacks the chains."""

    _child_spec = ArchiveTimeStampChain


class DigestAlgorithms(core.SequenceOf):  # type: ignore[misc]  # as above
    """The hash functions of all chains."""

    _child_spec = algos.DigestAlgorithm


class CryptoInfos(core.SequenceOf):  # type: ignore[misc]  # as above
    """Attributes with further data for the verifier."""

    _child_spec = core.Any


class EvidenceRecord(core.Sequence):  # type: ignore[misc]  # as above
    """The ASN.1 of RFC 4998 Appendix A (1988 syntax)."""

    _fields = [  # noqa: RUF012  # asn1crypto reads it from the class
        ("version", core.Integer),
        ("digest_algorithms", DigestAlgorithms),
        ("crypto_infos", CryptoInfos, {"implicit": 0, "optional": True}),
        ("encryption_info", tsp.EncryptionInfo, {"implicit": 1, "optional": True}),
        ("archive_time_stamp_sequence", ArchiveTimeStampSequence),
    ]


@dataclass(frozen=True, slots=True)
class EvidenceRecordResult:
    """What a record proves: since when the data existed, and the tokens that say so, chain by chain, oldest first."""

    stamped_at: dt.datetime
    chains: tuple[tuple[Token, ...], ...]
    algorithms: tuple[str, ...]

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Every token, oldest first."""
        return tuple(token for chain in self.chains for token in chain)


def read_evidence_record(der: bytes) -> EvidenceRecord:
    """Return the record's structure, unchecked. Raises Malformed, Undecided for one over encrypted data."""
    with reading("evidence record"):
        record: EvidenceRecord = EvidenceRecord.load(der, strict=True)
        if record["version"].native != 1:
            raise Malformed("The evidence record is of an unknown version.")
        if not isinstance(record["encryption_info"], core.Void):
            raise Undecided("The evidence record is over encrypted data, which is not supported.")
        if not len(record["archive_time_stamp_sequence"]) or not all(map(len, record["archive_time_stamp_sequence"])):
            raise Malformed("The evidence record holds no time-stamp.")
        return record


def check_evidence_record(
    der: bytes, objects: Sequence[DataObject], certificates: Sequence[bytes] = ()
) -> EvidenceRecordResult:
    """Return what the record proves of the objects (RFC 4998 §4.3, §5.3).

    One object: it is in the first hash list, perhaps among others. Several: they are a data object group, and the
    first hash list holds them and nothing else (§4.3, last paragraph). ``certificates`` are further DER certificates
    in which signers may be found. Raises Refused with the reason, Malformed, Undecided.
    """
    if not objects:
        raise Undecided("No data object was given to hold against the evidence record.")
    record = read_evidence_record(der)
    with reading("evidence record"):
        chains: list[tuple[Token, ...]] = []
        earlier: list[bytes] = []
        algorithms: list[str] = []
        for chain in record["archive_time_stamp_sequence"]:
            algorithm = _algorithm(chain[0])
            chains.append(_check_chain(chain, algorithm, _leaves(algorithm, objects, earlier), certificates))
            earlier.append(chain.dump())
            algorithms.append(algorithm)
        _require_announced(record, algorithms)
        result = EvidenceRecordResult(chains[0][0].at, tuple(chains), tuple(algorithms))
        _require_order(result.tokens)
        return result


def require_record_trusted(
    result: EvidenceRecordResult,
    roots: Sequence[bytes],
    intermediates: Sequence[bytes],
    now: dt.datetime,
    revocation: Sequence[bytes] = (),
) -> None:
    """Raise unless every token's signer led to a root when it signed, and still did when the next token renewed it.

    Raises Refused with the reason (without any root, too, when a renewal came too late); Undecided when no root is
    given, or when the newest token's certificate has ended by ``now`` without a renewal: whether its key was still
    kept safe cannot be told from the record (RFC 4998 §5.3).
    """
    require_renewed_in_time(result)
    tokens = result.tokens
    for token, successor in zip(tokens, (*tokens[1:], None), strict=True):
        require_trusted(token, roots, intermediates, token.at, revocation)
        if successor is not None:
            require_trusted(token, roots, intermediates, successor.at, revocation)
    if now > tokens[-1].signer_valid_until:
        raise Undecided(
            f"The newest time-stamp's certificate ended at {tokens[-1].signer_valid_until.isoformat()} without renewal."
        )


def require_renewed_in_time(result: EvidenceRecordResult) -> None:
    """Raise Refused unless every token was renewed before its certificate ended (RFC 4998 §5.3)."""
    for token, successor in pairwise(result.tokens):
        if successor.at > token.signer_valid_until:
            raise Refused(
                f"A time-stamp was renewed at {successor.at.isoformat()}, after its certificate had ended "
                f"({token.signer_valid_until.isoformat()})."
            )


def root_of_lists(algorithm: str, lists: Sequence[Sequence[bytes]]) -> bytes:
    """Return the root of a reduced hash tree (RFC 4998 §4.3 steps 2 and 3).

    Each list is joined by the value of the one before, sorted, concatenated and hashed; a value that is alone goes up
    as it is.
    """
    above: list[bytes] = []
    for hashes in lists:
        above = [node_of(algorithm, [*above, *hashes])]
    return above[0]


def node_of(algorithm: str, hashes: Sequence[bytes]) -> bytes:
    """Return the value of a node, or of a data object group, from the hashes below it (RFC 4998 §4.2)."""
    return hashes[0] if len(hashes) == 1 else digest(algorithm, *sorted(hashes))


def _leaves(algorithm: str, objects: Sequence[DataObject], earlier: Sequence[bytes]) -> list[bytes]:
    """Return what the first hash list of a chain must hold of the objects.

    From the second chain on each is the digest of the object's digest and that of all chains before, DER (§5.3).
    """
    digests = [one(algorithm) if callable(one) else digest(algorithm, one) for one in objects]
    if not earlier:
        return digests
    before = digest(algorithm, der_sequence(*earlier))
    return [digest(algorithm, one, before) for one in digests]


def _check_chain(
    chain: ArchiveTimeStampChain, algorithm: str, leaves: Sequence[bytes], certificates: Sequence[bytes]
) -> tuple[Token, ...]:
    tokens: list[Token] = []
    for stamp in chain:
        # Of no weight for validity (RFC 4998 §4.1), but what is there must be readable: asn1crypto parses late.
        _ = stamp["attributes"].native
        if _algorithm(stamp) != algorithm:
            raise Refused("One chain of time-stamps uses two hash functions (RFC 4998 §5.1).")
        token = read_token(stamp["time_stamp"].dump(), certificates)
        if tokens:
            leaves = [digest(algorithm, tokens[-1].der)]
        require_stamped(token, _root(algorithm, stamp, leaves), algorithm)
        tokens.append(token)
    return tuple(tokens)


def _algorithm(stamp: tsp.ArchiveTimeStamp) -> str:
    """Return the hash function of a time-stamp's tree; where it is left out, it is that of the token."""
    if not isinstance(stamp["digest_algorithm"], core.Void):
        return hash_name(stamp["digest_algorithm"])
    stated = tsp.TSTInfo.load(bytes(stamp["time_stamp"]["content"]["encap_content_info"]["content"]))
    return hash_name(stated["message_imprint"]["hash_algorithm"])


def _root(algorithm: str, stamp: tsp.ArchiveTimeStamp, leaves: Sequence[bytes]) -> bytes:
    """Return the root over the leaves by the stamp's reduced hash tree, after checking that they are in it."""
    lists = [[one.native for one in part] for part in stamp["reduced_hashtree"] or ()]
    if not lists:
        return node_of(algorithm, leaves)
    if not all(lists):
        raise Malformed("A hash list of the evidence record is empty.")
    missing = [leaf for leaf in leaves if leaf not in lists[0]]
    if missing:
        raise Refused("The object is not in the hash tree of the evidence record.")
    if len(leaves) > 1 and set(lists[0]) != set(leaves):
        raise Refused("The hash tree's group holds more than the objects that were given.")
    return root_of_lists(algorithm, lists)


def _require_announced(record: EvidenceRecord, used: Sequence[str]) -> None:
    if {hash_name(one) for one in record["digest_algorithms"]} != set(used):
        raise Refused("The evidence record does not announce exactly the hash functions that it uses (RFC 4998 §3.1).")


def _require_order(tokens: Sequence[Token]) -> None:
    """Raise Refused unless tokens follow each other in time; two within one second may carry the same."""
    if any(successor.at < token.at for token, successor in pairwise(tokens)):
        raise Refused("A renewal is older than the time-stamp that it renews.")
