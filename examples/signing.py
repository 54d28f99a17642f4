"""Signs a PDF with a certificate made on the spot: PAdES B-B (ETSI EN 319 142-1), for tests and shows only.

The certificate is nobody's and is trusted by nobody.
"""

from __future__ import annotations

import datetime as dt
import io

from asn1crypto.keys import PrivateKeyInfo
from asn1crypto.x509 import Certificate
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore

FIELD = "ChuKySo"
VALID_DAYS = 3650


class ExampleSigner:
    """Holds a fresh key and its self-made certificate. Two signatures are never the same bytes."""

    def __init__(self, organisation: str, now: dt.datetime) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(key, organisation, now)
        self._signer = SimpleSigner(
            signing_cert=Certificate.load(certificate.public_bytes(serialization.Encoding.DER)),
            signing_key=PrivateKeyInfo.load(
                key.private_bytes(
                    serialization.Encoding.DER,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
            ),
            cert_registry=SimpleCertificateStore(),  # type: ignore[no-untyped-call]  # pyHanko has no types here
        )

    def sign(self, pdf: bytes, *, location: str) -> bytes:
        """Return ``pdf`` with an invisible signature added behind it; its own bytes stay as they are."""
        signer = PdfSigner(
            PdfSignatureMetadata(
                field_name=FIELD,
                md_algorithm="sha256",
                subfilter=SigSeedSubFilter.PADES,
                location=location,
                reason="Ban hành kết quả giải quyết thủ tục hành chính (ví dụ)",
            ),
            signer=self._signer,
            new_field_spec=SigFieldSpec(FIELD),
        )
        output = io.BytesIO()
        signer.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)), output=output)
        return output.getvalue()


def _certificate(key: ec.EllipticCurvePrivateKey, organisation: str, now: dt.datetime) -> x509.Certificate:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, "Chứng thư số thử nghiệm, không có giá trị"),
        ]
    )
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=True, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=VALID_DAYS))
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
