"""Authorities, signers and signed PDFs made for the tests: every level of PAdES, and the certificates to trust."""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from asn1crypto.crl import CertificateList
from asn1crypto.keys import PrivateKeyInfo
from asn1crypto.x509 import Certificate
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
_DAY = dt.timedelta(days=1)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_PEM = serialization.Encoding.PEM
_DER = serialization.Encoding.DER


@dataclass(frozen=True, slots=True)
class Holder:
    """A key with its certificate, and the certificate of who issued it."""

    key: Key
    certificate: x509.Certificate
    issuer: x509.Certificate

    @property
    def signer(self) -> SimpleSigner:
        store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        store.register(asn1(self.issuer))
        return SimpleSigner(signing_cert=asn1(self.certificate), signing_key=_private(self.key), cert_registry=store)

    @property
    def time_stamper(self) -> DummyTimeStamper:
        store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        store.register(asn1(self.issuer))
        return DummyTimeStamper(asn1(self.certificate), _private(self.key), certs_to_embed=store)


class Authority:
    """A root that issues certificates and revocation lists."""

    def __init__(self, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        usage = x509.KeyUsage(*(*[False] * 5, True, True, False, False))
        self.certificate = self._sign(
            self.key, self.name, (NOW - 3650 * _DAY, NOW + 3650 * _DAY), [(constraints, True), (usage, True)]
        )

    def issue(
        self, name: str, *, until: dt.datetime = NOW + 365 * _DAY, stamps: bool = False, list_at: str = ""
    ) -> Holder:
        # The library's own time-stamping authority for tests knows RSA only.
        key: Key = rsa.generate_private_key(65537, 2048) if stamps else ec.generate_private_key(ec.SECP256R1())
        usage = x509.KeyUsage(*(True, True, *[False] * 7))
        extensions: list[tuple[x509.ExtensionType, bool]] = [(usage, True)]
        if stamps:
            extensions.append((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True))
        if list_at:
            place = x509.DistributionPoint([x509.UniformResourceIdentifier(list_at)], None, None, None)
            extensions.append((x509.CRLDistributionPoints([place]), False))
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return Holder(key, self._sign(key, subject, (NOW - 700 * _DAY, until), extensions), self.certificate)

    def revocation_list(self, *revoked: Holder) -> bytes:
        """Return a fresh list in DER."""
        made = x509.CertificateRevocationListBuilder(self.name, NOW - _DAY, NOW + 30 * _DAY)
        for one in revoked:
            entry = x509.RevokedCertificateBuilder(one.certificate.serial_number, NOW - 2 * _DAY).build()
            made = made.add_revoked_certificate(entry)
        return made.sign(self.key, hashes.SHA256()).public_bytes(_DER)

    def trusted_in(self, folder: Path) -> Path:
        """Write the certificate into the folder and return that."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "authority.pem").write_bytes(self.certificate.public_bytes(_PEM))
        return folder

    def _sign(
        self,
        key: Key,
        subject: x509.Name,
        valid: tuple[dt.datetime, dt.datetime],
        extensions: list[tuple[x509.ExtensionType, bool]],
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder(self.name, subject, key.public_key(), x509.random_serial_number(), *valid)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        key_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        return builder.add_extension(key_id, critical=False).sign(self.key, hashes.SHA256())


@cache
def agency_root() -> Authority:
    return Authority("Tổ chức chứng thực thử nghiệm")


@cache
def stamp_root() -> Authority:
    return Authority("Dấu thời gian thử nghiệm")


@cache
def agency() -> Holder:
    return agency_root().issue("Bảo hiểm xã hội thành phố Đà Nẵng")


@cache
def stamper() -> Holder:
    return stamp_root().issue("Máy cấp dấu thời gian", until=NOW + 3000 * _DAY, stamps=True)


@dataclass(frozen=True, slots=True)
class How:
    """How a PDF is signed."""

    by: Holder = field(default_factory=agency)
    field: str = "ChuKySo"
    level: str = "B-B"
    sub_filter: SigSeedSubFilter = SigSeedSubFilter.PADES
    permissions: MDPPerm | None = None


def sign(pdf: bytes, how: How | None = None) -> bytes:
    """Return the PDF with a signature added behind it."""
    how = how or How()
    lasting = how.level in ("B-LT", "B-LTA")
    described = PdfSignatureMetadata(
        field_name=how.field,
        subfilter=how.sub_filter,
        md_algorithm="sha256",
        certify=how.permissions is not None,
        docmdp_permissions=how.permissions or MDPPerm.FILL_FORMS,
        embed_validation_info=lasting,
        use_pades_lta=how.level == "B-LTA",
        validation_context=_knowing() if lasting else None,
    )
    out = io.BytesIO()
    stamped = None if how.level == "B-B" else stamper().time_stamper
    signer = PdfSigner(described, how.by.signer, timestamper=stamped, new_field_spec=SigFieldSpec(how.field))
    signer.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)), output=out)
    return out.getvalue()


def asn1(certificate: x509.Certificate) -> Certificate:
    return Certificate.load(certificate.public_bytes(_DER))


def _private(key: Key) -> PrivateKeyInfo:
    plain = serialization.NoEncryption()
    return PrivateKeyInfo.load(key.private_bytes(_DER, serialization.PrivateFormat.PKCS8, plain))


def _knowing() -> ValidationContext:
    """What a signer knows that embeds validation data: both roots and their lists."""
    lists = [CertificateList.load(root.revocation_list()) for root in (agency_root(), stamp_root())]
    roots = [asn1(root.certificate) for root in (agency_root(), stamp_root())]
    return ValidationContext(trust_roots=roots, crls=lists, allow_fetching=False, revocation_mode="require")
