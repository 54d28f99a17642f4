"""A small archive's evidence for tests: log, witness, time-stamp authority, agency, and packages."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pikepdf
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

from archive_service.evidence.canonical import canonical_json
from archive_service.evidence.entry import SealedEvent, seal_event
from archive_service.evidence.evidence_record import Stamp, make_evidence_record, stamp_der
from archive_service.evidence.hash_tree import GroupKind, HashTree, make_group
from archive_service.evidence.package import (
    DisposalParts,
    EntryParts,
    EvidencePackage,
    MetadataParts,
    PackageParts,
    Source,
    TrustParts,
    lay_out,
    lay_out_disposal,
)
from archive_service.evidence.receipt import Receipt
from archive_service.evidence.signer import LogSigner, generate_log_keys
from archive_service.evidence.tree import Tree, append
from archive_service.model.events import Event, EventType
from archive_service.model.identifiers import RecordId
from archive_service.model.record import ContentDigest
from archive_service.trust.local_authority import LocalAuthority
from archive_verify.checkpoint import Checkpoint
from archive_verify.merkle import leaf_hash
from archive_verify.notes import Note, NoteSignature, SignatureType, VerifierKey, signed_message
from archive_verify.package import Package
from archive_verify.proof import LogProof
from archive_verify.steps import check
from archive_verify.trust import Trust
from archive_verify.verdicts import Verdict
from tests.fakes.clock import START, MovableClock
from tests.fakes.randomness import CountedRandomness

ORIGIN = "archive.example/log"
RECORD = RecordId("0177eb15-a400-7000-8000-000000000000")
OTHER_RECORD = RecordId("0177eb15-a400-7000-8000-000000000001")


SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Agency:
    """A certificate and key that sign documents; the certificate is its own root."""

    certificate: x509.Certificate
    key: SigningKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)


def make_agency(
    name: str = "Cơ quan BHXH",
    days: int = 3650,
    begins: dt.datetime = START,
    key: SigningKey | None = None,
    usage: Sequence[str] = (),
    issuer: Agency | None = None,
    list_at: str = "",
) -> Agency:
    """Return an agency whose certificate begins a day early.

    ``usage`` names bits of the key usage, all without; ``list_at`` is where its issuer publishes what is revoked.
    """
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signed_by, signer = (issuer.certificate.subject, issuer.key) if issuer else (subject, key)
    begins = begins - dt.timedelta(days=1)
    built = x509.CertificateBuilder(signed_by, subject, key.public_key(), x509.random_serial_number())
    built = built.not_valid_before(begins).not_valid_after(begins + dt.timedelta(days=days))
    if usage:
        bits = dict.fromkeys(_KEY_USAGES, False) | dict.fromkeys(usage, True)
        built = built.add_extension(x509.KeyUsage(**bits), critical=True)
        built = built.add_extension(x509.BasicConstraints(ca="key_cert_sign" in usage, path_length=None), critical=True)
    if list_at:
        place = x509.DistributionPoint([x509.UniformResourceIdentifier(list_at)], None, None, None)
        built = built.add_extension(x509.CRLDistributionPoints([place]), critical=False)
    return Agency(built.sign(signer, None if isinstance(signer, Ed25519PrivateKey) else hashes.SHA256()), key)


_KEY_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


def revocation_list(issuer: Agency, at: dt.datetime, *revoked: Agency) -> bytes:
    """Return the issuer's CRL (DER) for thirty days, which revokes these certificates as of then without a reason."""
    built = x509.CertificateRevocationListBuilder(issuer.certificate.subject, at, at + dt.timedelta(days=30))
    for one in revoked:
        built = built.add_revoked_certificate(x509.RevokedCertificateBuilder(one.certificate.serial_number, at).build())
    return built.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def good_answer(issuer: Agency, about: Agency, at: dt.datetime) -> bytes:
    """Return the issuer's OCSP answer (DER) for thirty days, that the certificate is not revoked."""
    ends = at + dt.timedelta(days=30)
    built = ocsp.OCSPResponseBuilder().add_response(
        about.certificate, issuer.certificate, hashes.SHA256(), ocsp.OCSPCertStatus.GOOD, at, ends, None, None
    )
    built = built.responder_id(ocsp.OCSPResponderEncoding.NAME, issuer.certificate)
    return built.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def plain_pdf() -> bytes:
    made = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=(200, 200))
        pdf.save(made, deterministic_id=True)
    return made.getvalue()


def signed_pdf(
    agency: Agency, pdf: bytes | None = None, field_name: str = "Sig1", digest: str = "sha256", *, pss: bool = False
) -> bytes:
    """Return a PDF with a further signature by the agency (PAdES B-B), which covers the whole file."""
    from asn1crypto import keys
    from asn1crypto import x509 as asn1_x509
    from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import signers
    from pyhanko.sign.fields import SigSeedSubFilter
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    private = agency.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    signer = signers.SimpleSigner(
        asn1_x509.Certificate.load(agency.der),
        keys.PrivateKeyInfo.load(private),
        SimpleCertificateStore(),  # type: ignore[no-untyped-call]
        prefer_pss=pss,
    )
    made = io.BytesIO()
    signers.sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(pdf or plain_pdf())),
        signers.PdfSignatureMetadata(field_name=field_name, md_algorithm=digest, subfilter=SigSeedSubFilter.PADES),
        signer=signer,
        bytes_reserved=4096,
        output=made,
    )
    return made.getvalue()


def time_stamped_pdf(authority: LocalAuthority, pdf: bytes | None = None) -> bytes:
    """Return a PDF with a document time-stamp by the authority, which covers the whole file (ISO 32000-2 §12.8.5)."""
    from asn1crypto import cms
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.signers import PdfTimeStamper
    from pyhanko.sign.timestamps import TimeStamper

    class Stamper(TimeStamper):
        async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
            return cms.ContentInfo.load(authority.stamp(message_digest, md_algorithm).der)

    made = io.BytesIO()
    stamper = PdfTimeStamper(Stamper())  # type: ignore[no-untyped-call]
    stamper.timestamp_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf or plain_pdf())), "sha256", output=made)
    return made.getvalue()


def signature_report(pdf: bytes, verdict: str = "valid") -> bytes:
    """Return what an archive reports of the signatures; no more of it than the checker reads."""
    ranges = [[int(number) for number in found.split()] for found in re.findall(rb"/ByteRange *\[([^]]*)\]", pdf)]
    return canonical_json({"verdict": verdict, "signatures": [{"byte_range": one} for one in ranges]})


@dataclass(slots=True)
class Log:
    """A log that grows in memory."""

    signer: LogSigner
    entries: list[bytes] = field(default_factory=list)
    tiles: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def hashes(self, level: int, tile: int) -> bytes:
        return self.tiles.get((level, tile), b"")

    def add(self, entry: bytes) -> int:
        self.tiles |= append(self, len(self.entries), [leaf_hash(entry)])
        self.entries.append(entry)
        return len(self.entries) - 1

    def checkpoint(self, at: dt.datetime) -> Note:
        size = len(self.entries)
        return self.signer.sign_checkpoint(Checkpoint(self.signer.origin, size, Tree(self, size).root()), at)

    def proof(self, index: int, note: Note) -> bytes:
        return LogProof(index, tuple(Tree(self, len(self.entries)).inclusion_proof(index)), note.data).data


@dataclass(frozen=True, slots=True)
class Witness:
    """Cosigns whatever it is shown."""

    name: str
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def verifier_key(self) -> VerifierKey:
        return VerifierKey(self.name, SignatureType.COSIGNATURE_ED25519, self.key.public_key().public_bytes_raw())

    def cosign(self, note: Note, at: dt.datetime) -> Note:
        key, seconds = self.verifier_key, int(at.timestamp())
        message = signed_message(note.text, key.type, key.name, seconds)
        signature = NoteSignature(key.name, key.id, seconds.to_bytes(8) + self.key.sign(message))
        return Note(note.text, (*note.signatures, signature))


class SmallArchive:
    """Everybody who has a key, and the log. Time is ``clock``'s."""

    def __init__(self, folder: Path, origin: str = ORIGIN) -> None:
        self.clock = MovableClock()
        self.random = CountedRandomness(origin)
        self.signer = LogSigner(origin, [generate_log_keys()])
        self.log = Log(self.signer)
        self.witness = Witness("witness.example")
        self.authority = LocalAuthority(folder / "authority", self.clock, self.random)
        self.agency = make_agency()

    def trust(self) -> Trust:
        """What an auditor trusts who knows everybody."""
        return Trust(
            now=self.clock.now() + dt.timedelta(days=2),
            log_keys=self.signer.verifier_keys,
            witness_keys=(self.witness.verifier_key,),
            tsa_roots=self.authority.roots,
            agency_roots=(self.agency.der,),
        )

    def happens(
        self, type_: EventType, values: dict[str, Any], record: RecordId | None = RECORD, after_hours: int = 1
    ) -> tuple[int, SealedEvent]:
        """Let something happen, and return its entry's index with the entry."""
        self.clock.forward(dt.timedelta(hours=after_hours))
        event = Event(type_, "key:1f0c3a", self.clock.now(), record, values)
        sealed = seal_event(event, self.random.token(32))
        return self.log.add(sealed.entry), sealed

    def life(self, original: bytes, record: RecordId = RECORD, report: bytes | None = None, **stated: Any) -> Life:
        """Let a record be deposited, read for its words, and corrected once, among other entries of the log.

        ``stated`` replaces what the manifest says.
        """
        metadata = [
            MetadataParts(n, canonical_json({"subject": name, "number": "12/QĐ"}), self.random.token(32))
            for n, name in enumerate(("Nguyễn Văn Đức", "Nguyễn Văn Đước"), start=1)
        ]
        commitments = [
            {"version": one.version, "sha256": hashlib.sha256(one.salt + one.metadata).hexdigest()} for one in metadata
        ]
        content = ContentDigest(
            sha256=hashlib.sha256(original).hexdigest(),
            sha512=hashlib.sha512(original).hexdigest(),
            size_bytes=len(original),
        )
        manifest = {
            "sha256": content.sha256,
            "sha512": content.sha512,
            "size_bytes": len(original),
            "media_type": "application/pdf",
            "office": "BHXH.01",
            "received_at": self.clock.now().isoformat(),
            "state": "stored",
            "metadata": commitments[0],
            "signature_report": None
            if report is None
            else {"sha256": hashlib.sha256(report).hexdigest(), "sha512": hashlib.sha512(report).hexdigest()},
            "retention": {"class": None, "rule_version": None},
            **stated,
        }
        self.happens(EventType.SEARCHED, {"q": "x"}, None)
        events = [self.happens(EventType.DEPOSITED, manifest, record)]
        self.happens(EventType.SEARCHED, {"q": "y"}, None)
        events.append(self.happens(EventType.TEXT_READ, {"pages": 1}, record))
        events.append(self.happens(EventType.METADATA_CORRECTED, {"version": 2, "metadata": commitments[1]}, record))
        self.happens(EventType.SEARCHED, {"q": "z"}, None)
        return Life(record, original, content, events, metadata, report)

    def seal(self, life: Life, sealed: bytes, **changed: Any) -> PackageParts:
        """Let the rendition be made of the record, and return the parts of a package with it; ``changed`` as there."""
        rendition = {
            "kind": "sealed",
            "number": 1,
            "sha256": hashlib.sha256(sealed).hexdigest(),
            "sha512": hashlib.sha512(sealed).hexdigest(),
            "size_bytes": len(sealed),
        }
        life.events.append(self.happens(EventType.RENDITION_SEALED, {"rendition": rendition}, life.record))
        return self.parts(life, sealed_rendition=sealed, **changed)

    def stamp(self, life: Life, beside: Sequence[bytes] = (b"another group",)) -> bytes:
        """Return an evidence record over the original and the entry of the deposit, in a batch with others."""
        return self.stamp_group([life.original, life.events[0][1].entry], beside)

    def stamp_group(self, objects: Sequence[bytes], beside: Sequence[bytes] = (b"another group",)) -> bytes:
        """Return an evidence record over the objects, which are one group in a batch with others."""
        groups = [
            make_group(GroupKind.RECORD, "first", [_sha256(one) for one in objects]),
            *(make_group(GroupKind.CHECKPOINT, "other", [_sha256(one)]) for one in beside),
        ]
        tree = HashTree("sha256", groups)
        token = self.authority.stamp(tree.root, "sha256").der
        return make_evidence_record([[stamp_der(Stamp("sha256", tree.reduced(0), token))]])

    def receipt(self, life: Life) -> bytes:
        index, deposit = life.events[0]
        text = Receipt(life.record, life.content, "dossier-1", index, deposit.entry, START, 86_400).text
        return self.signer.sign_text(text).data

    def parts(self, life: Life, **changed: Any) -> PackageParts:
        """Return the parts of a package as of now; ``changed`` replaces some."""
        note = self.witness.cosign(self.log.checkpoint(self.clock.now()), self.clock.now())
        made: dict[str, Any] = {
            "record_id": life.record,
            "original": life.original,
            "entries": [
                EntryParts(index, one.entry, one.payload, one.salt, self.log.proof(index, note))
                for index, one in life.events
            ],
            "metadata": life.metadata,
            "receipt": self.receipt(life),
            "checkpoint": note.data,
            "trust": TrustParts(
                [key.text for key in self.signer.verifier_keys], self.authority.roots, [self.agency.der]
            ),
            "signature_report": life.report,
            "with_checker": False,
        }
        if "evidence" not in changed:
            made["evidence"] = {"local": self.stamp(life)}
        return PackageParts(**{**made, **changed})


@dataclass(frozen=True, slots=True)
class Life:
    """What became of a record so far."""

    record: RecordId
    original: bytes
    content: ContentDigest
    events: list[tuple[int, SealedEvent]]
    metadata: list[MetadataParts]
    report: bytes | None


# A file of each kind that the checker's sources are of, with little in it: the sources are ten times the rest.
SMALL_CHECKER = {
    f"data/checker/archive_verify/{name}": name.encode() for name in ("a.py", "py.typed", "pyproject.toml", "README.md")
}


def package_with_every_part(archive: SmallArchive, life: Life) -> bytes:
    """Return a package of the record with each kind of part that one can have, in which all ten steps pass."""
    sealed_life = replace(life, events=list(life.events))
    agency, now = archive.agency, archive.clock.now()
    parts = archive.seal(
        sealed_life,
        signed_pdf(agency),
        certificates=[agency.der],
        revocation_lists=[revocation_list(agency, now)],
        ocsp_answers=[good_answer(agency, agency, now)],
    )
    return repacked(package_bytes(parts), dict(SMALL_CHECKER))


def package_bytes(parts: PackageParts | DisposalParts) -> bytes:
    made = lay_out_disposal(parts) if isinstance(parts, DisposalParts) else lay_out(parts)
    return b"".join(made.blocks())


def verdicts(package: bytes, trust: Trust) -> dict[str, Verdict]:
    """Return each step's verdict by its name."""
    return {step.name: findings.verdict for step, findings in check(Package(package), trust)}


def failed(package: bytes, trust: Trust) -> set[str]:
    return {name for name, verdict in verdicts(package, trust).items() if verdict is Verdict.FAIL}


def details(package: bytes, trust: Trust, step: str) -> list[str]:
    return next(findings.details for one, findings in check(Package(package), trust) if one.name == step)


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def contents_of(package: bytes) -> dict[str, bytes]:
    """Return what is under ``data/``, by name."""
    read = Package(package)
    return {name: bytes(read.view(name)) for name in read.names("data/")}


def repacked(package: bytes, changed: dict[str, bytes | None], folder: str | None = None) -> bytes:
    """Return the package as somebody would make it who changes parts (None: leaves out) and computes all anew."""
    files = {name: data for name, data in {**contents_of(package), **changed}.items() if data is not None}
    sources: dict[str, Source] = dict(files)
    return b"".join(EvidencePackage(folder or Package(package).folder, sources).blocks())
