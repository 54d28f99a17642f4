"""What the signatures of a PDF are worth: what the checker saw goes in, indications and one verdict come out.

The process that read the hostile file only says what it saw; every conclusion is drawn here, and "passed" takes all of
it: the AdES validation, the validator's bottom line, the coverage, the later changes and the archive's own look at the
bytes. Indications are those of ETSI EN 319 102-1 §5.1.3; what a signature must cover is ISO 32000-2 §12.8.1.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain


class Indication(StrEnum):
    """The three outcomes of a validation (EN 319 102-1 §5.1.3, table 5)."""

    PASSED = "TOTAL-PASSED"
    FAILED = "TOTAL-FAILED"
    INDETERMINATE = "INDETERMINATE"


class SubIndication(StrEnum):
    """Why a validation did not pass (EN 319 102-1 §5.1.3, tables 5 and 6)."""

    FORMAT_FAILURE = "FORMAT_FAILURE"
    HASH_FAILURE = "HASH_FAILURE"
    SIG_CRYPTO_FAILURE = "SIG_CRYPTO_FAILURE"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"
    NOT_YET_VALID = "NOT_YET_VALID"
    SIG_CONSTRAINTS_FAILURE = "SIG_CONSTRAINTS_FAILURE"
    CHAIN_CONSTRAINTS_FAILURE = "CHAIN_CONSTRAINTS_FAILURE"
    CERTIFICATE_CHAIN_GENERAL_FAILURE = "CERTIFICATE_CHAIN_GENERAL_FAILURE"
    CRYPTO_CONSTRAINTS_FAILURE = "CRYPTO_CONSTRAINTS_FAILURE"
    POLICY_PROCESSING_ERROR = "POLICY_PROCESSING_ERROR"
    SIGNATURE_POLICY_NOT_AVAILABLE = "SIGNATURE_POLICY_NOT_AVAILABLE"
    TIMESTAMP_ORDER_FAILURE = "TIMESTAMP_ORDER_FAILURE"
    NO_SIGNING_CERTIFICATE_FOUND = "NO_SIGNING_CERTIFICATE_FOUND"
    NO_CERTIFICATE_CHAIN_FOUND = "NO_CERTIFICATE_CHAIN_FOUND"
    REVOKED_NO_POE = "REVOKED_NO_POE"
    REVOKED_CA_NO_POE = "REVOKED_CA_NO_POE"
    OUT_OF_BOUNDS_NO_POE = "OUT_OF_BOUNDS_NO_POE"
    OUT_OF_BOUNDS_NOT_REVOKED = "OUT_OF_BOUNDS_NOT_REVOKED"
    REVOCATION_OUT_OF_BOUNDS_NO_POE = "REVOCATION_OUT_OF_BOUNDS_NO_POE"
    CRYPTO_CONSTRAINTS_FAILURE_NO_POE = "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
    NO_POE = "NO_POE"
    TRY_LATER = "TRY_LATER"
    SIGNED_DATA_NOT_FOUND = "SIGNED_DATA_NOT_FOUND"
    GENERIC = "GENERIC"


# Those that prove that something is wrong; every other one says that it could not be told.
_FAILURES = frozenset(
    {
        SubIndication.FORMAT_FAILURE,
        SubIndication.HASH_FAILURE,
        SubIndication.SIG_CRYPTO_FAILURE,
        SubIndication.REVOKED,
        SubIndication.EXPIRED,
        SubIndication.NOT_YET_VALID,
    }
)


class SignatureKind(StrEnum):
    """What a signature field holds (ISO 32000-2 §12.8.1 and §12.8.5)."""

    SIGNATURE = "signature"
    TIME_STAMP = "document-time-stamp"


class Level(StrEnum):
    """The baseline level whose parts a signature carries (ETSI EN 319 142-1 §6); whether they hold is said apart."""

    B_B = "B-B"
    B_T = "B-T"
    B_LT = "B-LT"
    B_LTA = "B-LTA"


class Coverage(StrEnum):
    """Which bytes the signature covers, its own value apart."""

    WHOLE_FILE = "whole-file"
    WHOLE_REVISION = "whole-revision"  # everything up to its end; something was added behind it
    PART = "part"
    UNCLEAR = "unclear"


class Changes(StrEnum):
    """What was added behind the signed bytes (ISO 32000-2 §12.8.2.2, DocMDP)."""

    NONE = "none"
    ARCHIVAL = "archival"  # validation data and document time-stamps
    FORM_FILLING = "form-filling"  # fields filled in and further signatures, all of it signed by a later one
    FILLED_UNSIGNED = "filled-unsigned"  # fields filled in after the last signature
    NOT_PERMITTED = "not-permitted"
    NOT_COMPARED = "not-compared"


class StructureFault(StrEnum):
    """What the archive's own look at the bytes found, without the signature library."""

    BYTE_RANGE_MALFORMED = "byte-range-malformed"
    CONTENTS_MALFORMED = "contents-malformed"
    GAP_IS_NOT_CONTENTS = "gap-is-not-contents"
    PADDING_CHANGED = "padding-changed"
    RANGE_ENDS_ELSEWHERE = "range-ends-elsewhere"
    RANGES_OVERLAP = "ranges-overlap"
    BYTES_AFTER_END = "bytes-after-end"
    PAGES_CHANGED = "pages-changed"
    ANNOTATIONS_CHANGED = "annotations-changed"
    NOT_IN_FORM = "not-in-form"
    HYBRID_REFERENCES = "hybrid-references"
    STRUCTURE_UNREADABLE = "structure-unreadable"


# A signature that is none of a PDF's form; what was not read; all others show a change after signing.
_MALFORMED = frozenset({StructureFault.BYTE_RANGE_MALFORMED, StructureFault.CONTENTS_MALFORMED})
_NOT_READ = frozenset({StructureFault.STRUCTURE_UNREADABLE, StructureFault.HYBRID_REFERENCES})


class SignatureVerdict(StrEnum):
    """What one signature, or all of a document together, is worth. The first that applies decides."""

    ALTERED = "altered"  # bytes were changed or added after signing in a way that no signature permits
    INVALID = "invalid"  # the signature itself is wrong: its value, its form, a revoked certificate
    UNREADABLE = "unreadable"  # the check could not read it
    UNDECIDED = "undecided"  # the check could not tell
    UNTRUSTED = "untrusted"  # unchanged, by a signer whom no configured authority vouches for
    VALID = "valid"


_ORDER = {verdict: place for place, verdict in enumerate(SignatureVerdict)}


@dataclass(frozen=True, slots=True)
class CheckedSignature:
    """What the checker saw of one signature, and what follows from it.

    ``ades`` is None when the AdES validation passed. ``bottom_line`` is the validator's other verdict. ``path`` are
    SHA-256 digests of certificates, from the signer's to the trusted one. ``permission`` is DocMDP's 1–3.
    """

    field: str
    kind: SignatureKind = SignatureKind.SIGNATURE
    sub_filter: str = ""
    readable: bool = False
    ades: SubIndication | None = SubIndication.GENERIC
    bottom_line: bool = False
    coverage: Coverage = Coverage.UNCLEAR
    changes: Changes = Changes.NOT_COMPARED
    permission: int | None = None
    byte_range: tuple[int, ...] = ()
    faults: tuple[StructureFault, ...] = ()
    signer: str | None = None
    path: tuple[str, ...] = ()
    claimed_at: dt.datetime | None = None
    stamped_at: dt.datetime | None = None
    level: Level | None = None

    @property
    def verdict(self) -> SignatureVerdict:
        """What this signature is worth."""
        if self._altered:
            return SignatureVerdict.ALTERED
        if self.ades in _FAILURES or _MALFORMED & set(self.faults):
            return SignatureVerdict.INVALID
        if not self.readable or StructureFault.STRUCTURE_UNREADABLE in self.faults:
            return SignatureVerdict.UNREADABLE
        if self.faults or self.changes is Changes.NOT_COMPARED:
            return SignatureVerdict.UNDECIDED
        if self.ades is SubIndication.NO_CERTIFICATE_CHAIN_FOUND:
            return SignatureVerdict.UNTRUSTED
        passed = self.ades is None and self.bottom_line
        return SignatureVerdict.VALID if passed else SignatureVerdict.UNDECIDED

    @property
    def indication(self) -> Indication:
        """The indication; a document changed after signing fails, whatever the signed bytes say."""
        match self.verdict:
            case SignatureVerdict.VALID:
                return Indication.PASSED
            case SignatureVerdict.ALTERED | SignatureVerdict.INVALID:
                return Indication.FAILED
            case _:
                return Indication.INDETERMINATE

    @property
    def sub_indication(self) -> SubIndication | None:
        """The sub-indication, None when passed.

        What breaks a rule of ISO 32000-2, the standard below PAdES, is a failure of format.
        """
        if self.indication is Indication.PASSED:
            return None
        if self.indication is Indication.FAILED and self.ades not in _FAILURES:
            return SubIndication.FORMAT_FAILURE
        return self.ades or SubIndication.GENERIC

    @property
    def _altered(self) -> bool:
        if set(self.faults) - _MALFORMED - _NOT_READ or self.ades is SubIndication.HASH_FAILURE:
            return True
        uncovered = self.coverage in (Coverage.PART, Coverage.UNCLEAR)
        changed = self.changes in (Changes.NOT_PERMITTED, Changes.FILLED_UNSIGNED)
        return self.readable and (uncovered or changed)


def taken_together(signatures: tuple[CheckedSignature, ...]) -> tuple[CheckedSignature, ...]:
    """Return the signatures of one document, the one that reaches furthest held to more than the others.

    What is filled in between two signatures the later one vouches for. What is filled in behind the last one nobody
    signed: DocMDP may permit it (ISO 32000-2 §12.8.2.2), but the document is no longer what anyone answers for.
    """
    last = max(signatures, key=lambda one: sum(one.byte_range[2:4]), default=None)
    return tuple(
        dataclasses.replace(one, changes=Changes.FILLED_UNSIGNED)
        if one is last and one.changes is Changes.FORM_FILLING
        else one
        for one in signatures
    )


class SeenKind(StrEnum):
    """What else a validation looked at."""

    CERTIFICATE = "certificate"
    CRL = "crl"
    OCSP = "ocsp"


@dataclass(frozen=True, slots=True)
class SeenObject:
    """A certificate or revocation data that a validation used; ``der`` is None for what was too much to keep."""

    kind: SeenKind
    sha256: str
    subject: str | None
    der: bytes | None


@dataclass(frozen=True, slots=True)
class SignatureReport:
    """Everything that was seen of a document's signatures at one moment.

    ``agency_anchors`` and ``time_stamp_anchors`` are digests of the certificates that were trusted then: the same
    signature may be judged otherwise with others.
    """

    checked_at: dt.datetime
    signatures: tuple[CheckedSignature, ...] = ()
    seen: tuple[SeenObject, ...] = ()
    agency_anchors: tuple[str, ...] = ()
    time_stamp_anchors: tuple[str, ...] = ()
    validator: str = ""

    @property
    def verdict(self) -> SignatureVerdict:
        """What all signatures are worth together: the worst of them. None at all means they could not be read.

        >>> SignatureReport(dt.datetime(2026, 11, 26)).verdict
        <SignatureVerdict.UNREADABLE: 'unreadable'>
        """
        return min(
            (signature.verdict for signature in self.signatures),
            key=_ORDER.__getitem__,
            default=SignatureVerdict.UNREADABLE,
        )

    @property
    def faults(self) -> tuple[StructureFault, ...]:
        """Every structural fault, each once, in the order of the standard list."""
        found = set(chain.from_iterable(signature.faults for signature in self.signatures))
        return tuple(fault for fault in StructureFault if fault in found)
