"""Validates every signature of a PDF with pyHanko: runs in the sandboxed child and emits one message of facts.

It must never fetch anything, never conclude (model/signatures.py does), and never let an exception of the library out:
one that is raised for a signature means that this signature could not be read. EN 319 102-1 §5.3, §5.5, §5.6.3;
ISO 32000-2 §12.8. The file is read through the descriptor, never held in memory.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import selectors
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asn1crypto import crl, ocsp, x509
from pyhanko.pdf_utils.generic import DictionaryObject
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESIndeterminate
from pyhanko.sign.diff_analysis import DiffResult, ModificationLevel
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.general import NonexistentAttributeError, find_unique_cms_attribute
from pyhanko.sign.validation import ades
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError
from pyhanko.sign.validation.generic_cms import extract_tst_data_iter
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.policy_decl import (
    CertificateFetchingRule,
    LocalKnowledge,
    PdfSignatureValidationSpec,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko.version import __version__ as pyhanko_version
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, RevocationCheckingPolicy, RevocationCheckingRule
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer, OCSPContainer

from archive_service.model.signatures import Changes, Coverage, Level, StructureFault
from archive_service.pdf.opened import BROKEN_PART, NotReadable, Opened
from archive_service.pdf.sandbox_server import Emit
from archive_service.pdf.seen_objects import SeenObjects
from archive_service.pdf.signature_structure import FoundSignature, look_at_structure
from archive_service.pdf.trust import Trust, fingerprint
from archive_service.pdf.window import first_bytes

_Result = ades.AdESBasicValidationResult[Any]

SIGNATURES = "signatures"
_PADES = "/ETSI.CAdES.detached"

_COVERAGE = {
    SignatureCoverageLevel.ENTIRE_FILE: Coverage.WHOLE_FILE,
    SignatureCoverageLevel.ENTIRE_REVISION: Coverage.WHOLE_REVISION,
    SignatureCoverageLevel.CONTIGUOUS_BLOCK_FROM_START: Coverage.PART,
    SignatureCoverageLevel.UNCLEAR: Coverage.UNCLEAR,
}
_CHANGES = {
    ModificationLevel.NONE: Changes.NONE,
    ModificationLevel.LTA_UPDATES: Changes.ARCHIVAL,
    ModificationLevel.FORM_FILLING: Changes.FORM_FILLING,
}
# Findings of the present that a proof of existence in the past may turn (EN 319 102-1 §5.6.3.4).
_PAST_MAY_HELP = frozenset(
    {
        AdESIndeterminate.REVOKED_NO_POE,
        AdESIndeterminate.REVOKED_CA_NO_POE,
        AdESIndeterminate.OUT_OF_BOUNDS_NO_POE,
        AdESIndeterminate.OUT_OF_BOUNDS_NOT_REVOKED,
        AdESIndeterminate.CRYPTO_CONSTRAINTS_FAILURE_NO_POE,
        AdESIndeterminate.REVOCATION_OUT_OF_BOUNDS_NO_POE,
        AdESIndeterminate.TRY_LATER,
    }
)


class _NothingToWaitFor(selectors.SelectSelector):
    """A selector for a loop without files and sockets: whatever waits would wait for ever."""

    def select(self, timeout: float | None = None) -> list[Any]:
        """Return nothing at once; raise when the loop has nothing else to do."""
        if timeout is None:
            raise RuntimeError("the validation waits for something that never comes")
        return []


class Validator:
    """Validates against one set of anchors. Made in the server; every child inherits it."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        # Made before the process is confined: a loop opens a pair of sockets, and never uses them here.
        self._loop = asyncio.SelectorEventLoop(_NothingToWaitFor())
        # A folder of lists says: of every certificate it must be known that it is not revoked. Without one, that
        # is asked of certificates which name a place to look it up.
        rule = (
            RevocationCheckingRule.CHECK_IF_DECLARED
            if trust.crls is None
            else RevocationCheckingRule.CRL_OR_OCSP_REQUIRED
        )
        self._revocation = CertRevTrustPolicy(RevocationCheckingPolicy(rule, rule))

    def check(self, file: Opened, options: Mapping[str, Any], emit: Emit) -> None:
        """Emit what was seen of every signature. Options: ``at``, the instant to validate for (ISO 8601).

        MemoryError goes through: the process's limit was reached.
        """
        seen = SeenObjects()
        checked = self._checked(file, dt.datetime.fromisoformat(options["at"]), seen)
        emit(
            {
                "kind": SIGNATURES,
                "signatures": _joined(checked, _structure(file)),
                "seen": seen.listed(),
                "agency_anchors": [fingerprint(one) for one in self._trust.agencies],
                "time_stamp_anchors": [fingerprint(one) for one in self._trust.time_stamp_authorities],
                "validator": f"pyHanko {pyhanko_version}",
            }
        )

    def _checked(self, file: Opened, at: dt.datetime, seen: SeenObjects) -> list[dict[str, Any]] | None:
        """Return the facts of each signature that the form lists; None when the library cannot read the file."""
        try:
            reader = PdfFileReader(first_bytes(file.document, file.size_bytes), strict=False)
            fields = list(enumerate_sig_fields(reader, filled_status=True))
            run = self._run(reader, at, seen)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001  # whatever the library raises for a hostile file: not read
            return None
        return [self._one(run, name, holder) for name, _, holder in fields]

    def _one(self, run: _Run, name: str, holder: DictionaryObject) -> dict[str, Any]:
        facts: dict[str, Any] = {"field": name, "readable": False}
        try:
            signature = EmbeddedPdfSignature(run.reader, holder, name)
            facts |= _described(signature)
            _note_certificates(run.seen, signature)
            result = self._loop.run_until_complete(_validated(run, signature))
            facts |= _concluded(signature, result) | {"level": _level(run, signature)}
            if result.ades_subindic is AdESIndeterminate.CHAIN_CONSTRAINTS_FAILURE and self._stands_alone(signature):
                facts["ades"] = AdESIndeterminate.NO_CERTIFICATE_CHAIN_FOUND.standard_name
            for used in result.validation_objects:
                run.seen.add_used(used)
            facts["readable"] = True
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001  # as above, for this signature
            return facts
        return facts

    def _stands_alone(self, signature: EmbeddedPdfSignature) -> bool:
        """Whether the signer's certificate vouches for itself and is no anchor: there is no chain (§5.2.6.4)."""
        certificate = signature.signer_cert
        anchors = (*self._trust.agencies, *self._trust.time_stamp_authorities)
        return certificate.self_signed in ("yes", "maybe") and certificate not in anchors

    def _run(self, reader: PdfFileReader, at: dt.datetime, seen: SeenObjects) -> _Run:
        dss = _validation_store(reader)
        knowledge = LocalKnowledge(
            known_crls=[*dss.known_crls, *(CRLContainer(crl) for crl in self._trust.crls or ())],
            known_ocsps=dss.known_ocsps,
            known_certs=dss.known_certs,
        )
        spec = SignatureValidationSpec(
            cert_validation_policy=self._policy(self._trust.agencies),
            ts_cert_validation_policy=self._policy(self._trust.time_stamp_authorities),
            revinfo_gathering_policy=RevocationInfoGatheringSpec(
                RevinfoOnlineFetchingRule.LOCAL_ONLY, None, CertificateFetchingRule.NEVER_FETCH
            ),
            local_knowledge=knowledge,
        )
        stored = bool(dss.known_certs and (dss.known_crls or dss.known_ocsps))
        return _Run(reader, spec, ValidationTimingInfo(at, at, point_in_time_validation=False), seen, stored)

    def _policy(self, anchors: Sequence[x509.Certificate]) -> CertValidationPolicySpec:
        # An empty list trusts nobody; None would trust whom the operating system trusts.
        return CertValidationPolicySpec(SimpleTrustManager.build(trust_roots=list(anchors)), self._revocation)


@dataclass(frozen=True, slots=True)
class _Run:
    """One document being validated. ``stored``: it carries certificates and revocation data (PAdES DSS)."""

    reader: PdfFileReader
    spec: SignatureValidationSpec
    timing: ValidationTimingInfo
    seen: SeenObjects
    stored: bool

    def stamped_after(self, signature: EmbeddedPdfSignature) -> bool:
        """Whether a document time-stamp was added behind the signature."""
        return any(
            self.reader.xrefs.get_last_change(holder.get_object().raw_get("/V").reference) > signature.signed_revision
            for _, value, holder in enumerate_sig_fields(self.reader, filled_status=True)
            if value.get_object().get("/Type") == "/DocTimeStamp"
        )


async def _validated(run: _Run, signature: EmbeddedPdfSignature) -> _Result:
    """Validate at the present instant; then, where that needs a proof of the past, with the document's own."""
    if signature.sig_object_type == "/DocTimeStamp":
        stamped: _Result = await ades.ades_timestamp_validation(
            signature.signed_data, run.spec, signature.compute_digest, timing_info=run.timing
        )
        return stamped
    spec = dataclasses.replace(run.spec, local_knowledge=_with_own_revocation(run.spec.local_knowledge, signature))
    digest = signature.compute_digest()
    result: _Result
    if any(True for _ in extract_tst_data_iter(signature.signer_info, signed=False)):
        result = await ades.ades_with_time_validation(
            signature.signed_data, spec, timing_info=run.timing, raw_digest=digest
        )
    else:
        result = await ades.ades_basic_validation(
            signature.signed_data, spec, timing_info=run.timing, raw_digest=digest
        )
    if result.ades_subindic in _PAST_MAY_HELP and run.stamped_after(signature):
        return await ades.ades_lta_validation(signature, PdfSignatureValidationSpec(spec), run.timing)
    return result


def _described(signature: EmbeddedPdfSignature) -> dict[str, Any]:
    """Return what the signature says of itself, and what it covers."""
    signature.compute_integrity_info()  # type: ignore[no-untyped-call]
    coverage: Any = signature.coverage
    claimed = signature.self_reported_timestamp
    return {
        "type": str(signature.sig_object_type).removeprefix("/"),
        "sub_filter": str(signature.sig_object.get("/SubFilter", "")).removeprefix("/"),
        "byte_range": [int(number) for number in signature.byte_range],
        "hybrid": signature.reader.xrefs.hybrid_xrefs_present,
        "coverage": _COVERAGE[coverage],
        "changes": _changes(signature),
        "permission": None if signature.docmdp_level is None else signature.docmdp_level.value,
        "signer": signature.signer_cert.subject.human_friendly,
        "claimed_at": None if claimed is None else _instant(claimed),
    }


def _changes(signature: EmbeddedPdfSignature) -> Changes:
    compared = signature.diff_result
    if signature.summarise_integrity_info()["docmdp_ok"] is not True or not isinstance(compared, DiffResult):
        return Changes.NOT_PERMITTED
    return _CHANGES.get(compared.modification_level, Changes.NOT_PERMITTED)


def _concluded(signature: EmbeddedPdfSignature, result: _Result) -> dict[str, Any]:
    """Return both verdicts, the path they went by, and the proven time."""
    status = result.api_status
    stamp = getattr(status, "timestamp_validity", None)
    if signature.sig_object_type == "/DocTimeStamp":
        stamp = status
    if stamp is not None and not (stamp.intact and stamp.valid and stamp.trusted):
        stamp = None
    path = None if status is None else status.validation_path
    return {
        "ades": result.ades_subindic.standard_name,
        "bottom_line": _bottom_line(status),
        "path": [] if path is None else [fingerprint(one) for one in path.iter_certs(include_root=True)],
        "stamped_at": None if stamp is None else _instant(stamp.timestamp),
    }


def _bottom_line(status: Any) -> bool:
    """Return the validator's other verdict; a time-stamp has none of its own and is judged by its parts."""
    if status is None:
        return False
    whole = getattr(status, "bottom_line", None)
    return bool(status.intact and status.valid and status.trusted if whole is None else whole)


def _level(run: _Run, signature: EmbeddedPdfSignature) -> Level | None:
    """Return the highest baseline level whose parts are all there (EN 319 142-1 §6.3), None for none."""
    signed = signature.signer_info["signed_attrs"]
    named = {attribute["type"].native for attribute in signed} & {"signing_certificate", "signing_certificate_v2"}
    if signature.sig_object.get("/SubFilter") != _PADES or not named:
        return None
    after = run.stamped_after(signature)
    if not after and not _is_stamped(signature):
        return Level.B_B
    if not run.stored:
        return Level.B_T
    return Level.B_LTA if after else Level.B_LT


def _is_stamped(signature: EmbeddedPdfSignature) -> bool:
    return any(True for _ in extract_tst_data_iter(signature.signer_info, signed=False))


def _validation_store(reader: PdfFileReader) -> LocalKnowledge:
    """Return the certificates and revocation data that the document carries (ISO 32000-2 §12.8.4.3)."""
    try:
        store = DocumentSecurityStore.read_dss(reader)
    except NoDSSFoundError:
        return LocalKnowledge()
    return LocalKnowledge(
        known_certs=list(store.load_certs()),
        known_crls=[CRLContainer(crl.CertificateList.load(one.get_object().data)) for one in store.crls],
        known_ocsps=[
            container
            for one in store.ocsps
            for container in OCSPContainer.load_multi(ocsp.OCSPResponse.load(one.get_object().data))
        ],
    )


def _with_own_revocation(knowledge: LocalKnowledge, signature: EmbeddedPdfSignature) -> LocalKnowledge:
    """Return the knowledge with the revocation data that the signature's own attributes carry (§12.8.3.3.2)."""
    try:
        carried = find_unique_cms_attribute(signature.signer_info["signed_attrs"], "adobe_revocation_info_archival")
    except NonexistentAttributeError:
        return knowledge
    responses = (container for one in carried["ocsp"] or () for container in OCSPContainer.load_multi(one))
    return dataclasses.replace(
        knowledge,
        known_crls=[*knowledge.known_crls, *(CRLContainer(one) for one in carried["crl"] or ())],
        known_ocsps=[*knowledge.known_ocsps, *responses],
    )


def _note_certificates(seen: SeenObjects, signature: EmbeddedPdfSignature) -> None:
    for certificate in (signature.signer_cert, *signature.other_embedded_certs):
        seen.add_certificate(certificate)
    for stamp in extract_tst_data_iter(signature.signer_info, signed=False):
        for choice in stamp["certificates"]:
            seen.add_certificate(choice.chosen)


def _instant(at: dt.datetime) -> str:
    # A signing time without a zone is taken for UTC, as the rest of the archive writes time.
    return (at if at.tzinfo is not None else at.replace(tzinfo=dt.UTC)).astimezone(dt.UTC).isoformat()


def _structure(file: Opened) -> tuple[FoundSignature, ...] | None:
    try:
        return look_at_structure(file)
    except (NotReadable, *BROKEN_PART):
        return None


def _joined(checked: list[dict[str, Any]] | None, found: tuple[FoundSignature, ...] | None) -> list[dict[str, Any]]:
    """Give each validated signature the faults found around it; one that was found alone is listed as well.

    That the form does not list it can only be said where the form was read.
    """
    if checked is None:
        unread = [_unread(one) for one in found or ()]
        return unread or [{"field": "", "readable": False, "faults": [StructureFault.STRUCTURE_UNREADABLE]}]
    left = list(found or ())
    for facts in checked:
        own = next((one for one in left if _same(one, facts)), None)
        if own is not None:
            left.remove(own)
        faults = [StructureFault.STRUCTURE_UNREADABLE] if own is None else list(own.faults)
        facts["faults"] = faults + [StructureFault.HYBRID_REFERENCES] * bool(facts.get("hybrid"))
    return checked + [_unread(one, StructureFault.NOT_IN_FORM) for one in left]


def _unread(one: FoundSignature, *more: StructureFault) -> dict[str, Any]:
    return {"field": one.field, "readable": False, "byte_range": one.byte_range, "faults": [*one.faults, *more]}


def _same(found: FoundSignature, facts: Mapping[str, Any]) -> bool:
    """Whether both looks saw the same signature; of one that could not be read only its field is known."""
    return found.field == facts["field"] and facts.get("byte_range") in (None, list(found.byte_range))
