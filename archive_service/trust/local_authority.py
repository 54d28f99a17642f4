"""The default's own time-stamp authority: complete and correct in form, and worth nothing as evidence.

Whoever runs the archive holds its key, so its tokens prove nothing to anybody else. Its name says so in every token.
It lets the whole way from batch to evidence record run, and be tried, on one machine without a network.
"""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from archive_service.errors import Message, Misconfigured
from archive_service.evidence.timestamp import NONCE_BYTES, TimeStampReply, TimestampRequest, make_nonce
from archive_service.model.ports import Clock, Randomness
from archive_service.trust.reply import accept_reply
from archive_verify.algorithms import digest, hash_name
from archive_verify.der import reading
from archive_verify.errors import Malformed, Refused
from archive_verify.timestamp import Token

LOCAL_NAME = "local"

# The mark that everybody sees who looks at a token.
NOT_TRUSTED = "TEST – NOT TRUSTED"

# "For tests, without any worth": an OID made from a random UUID (ITU-T X.667), so nobody else uses it.
TEST_POLICY = "2.25.224578862350391245973163029911285443937"

_ROOT_DAYS = 36_500
_SIGNER_DAYS = 1_095


@dataclass(frozen=True, slots=True)
class LocalAuthority:
    """Implements ``TimestampAuthority`` in this process, with key and certificates in a folder."""

    folder: Path
    clock: Clock
    randomness: Randomness
    name: str = LOCAL_NAME
    is_test: bool = True

    @property
    def roots(self) -> tuple[bytes, ...]:
        """The one root, made by itself (DER)."""
        return (_certificate(self._part("root.pem")).public_bytes(serialization.Encoding.DER),)

    def stamp(self, imprint: bytes, algorithm: str) -> Token:
        """Return a new token over the digest, by way of a request and a reply like any other authority's."""
        request = TimestampRequest(imprint, algorithm, make_nonce(self.randomness.token(NONCE_BYTES)))
        return accept_reply(self.name, self.answer(request.der()), request, self.roots, self.clock.now())

    def answer(self, request: bytes) -> bytes:
        """Return the TimeStampResp for a TimeStampReq: a rejection where it cannot be read or is not supported."""
        try:
            with reading("time-stamp request"):
                asked = tsp.TimeStampReq.load(request, strict=True)
                algorithm = hash_name(asked["message_imprint"]["hash_algorithm"])
                if len(asked["message_imprint"]["hashed_message"].native) != len(digest(algorithm)):
                    raise Malformed("The digest has the wrong length.")
        except Refused as refused:
            failure = {"bad_data_format"} if isinstance(refused, Malformed) else {"bad_alg"}
            return _rejection(str(refused), failure)
        signer, key = self._signer()
        return _granted(_token(asked, signer, key, self.clock.now(), self.randomness.token(8)))

    def _signer(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """Return the certificate to sign with now; one past half of its life is followed by a new one."""
        now = self.clock.now()
        # Key and certificate are one file, so that two processes that renew at once leave no mixture.
        kept = self._part("signer.pem")
        begins, ends = _certificate(kept).not_valid_before_utc, _certificate(kept).not_valid_after_utc
        if not begins <= now < begins + (ends - begins) / 2:
            root, key = _certificate(self._part("root.pem")), _key(self._part("root.key"))
            _write(self.folder, _signer_files(root, key, now))
            kept = self._part("signer.pem")
        return _certificate(kept), _key(kept)

    def _part(self, name: str) -> bytes:
        path = self.folder / name
        if not path.exists():
            self._make()
        return path.read_bytes()

    def _make(self) -> None:
        """Make root and signer in a folder of their own and move it into place: complete, or not there."""
        self.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        making = Path(tempfile.mkdtemp(dir=self.folder.parent, prefix=f".{self.folder.name}-"))
        now = self.clock.now()
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"{NOT_TRUSTED}: root of the archive's own test authority")
        root = _build(name, name, key.public_key(), now, _ROOT_DAYS)
        root = root.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        root = root.add_extension(_usage(signs_certificates=True), critical=True)
        certificate = root.sign(key, hashes.SHA256())
        _write(making, {"root.pem": _pem(certificate), "root.key": _key_pem(key)})
        _write(making, _signer_files(certificate, key, now))
        try:
            making.rename(self.folder)
        except OSError as taken:
            # Another process was first: its authority is the one.
            for file in making.iterdir():
                file.unlink()
            making.rmdir()
            if not (self.folder / "signer.pem").exists():
                raise Misconfigured(
                    Message(
                        f"{self.folder} is no folder of the test authority. Move it away.",
                        f"{self.folder} không phải thư mục của cơ quan thử nghiệm. Hãy chuyển nó đi nơi khác.",
                    )
                ) from taken


def _signer_files(root: x509.Certificate, root_key: ec.EllipticCurvePrivateKey, now: dt.datetime) -> dict[str, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"{NOT_TRUSTED}: the archive's own test time-stamps")
    signer = _build(name, root.subject, key.public_key(), now, _SIGNER_DAYS)
    signer = signer.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    signer = signer.add_extension(_usage(signs_certificates=False), critical=True)
    signer = signer.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    signer = signer.add_extension(identifier, critical=False)
    return {"signer.pem": _pem(signer.sign(root_key, hashes.SHA256())) + _key_pem(key)}


def _build(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: dt.datetime, days: int
) -> x509.CertificateBuilder:
    begins = now.replace(microsecond=0)
    builder = x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number())
    builder = builder.not_valid_before(begins).not_valid_after(begins + dt.timedelta(days=days))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _token(
    asked: tsp.TimeStampReq,
    signer: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    now: dt.datetime,
    serial: bytes,
) -> cms.ContentInfo:
    """Return a token over what was asked (RFC 3161 §2.4.2), signed by ECDSA with SHA-256."""
    certificate = asn1_x509.Certificate.load(signer.public_bytes(serialization.Encoding.DER))
    stated = tsp.TSTInfo(
        {
            "version": "v1",
            "policy": TEST_POLICY,
            "message_imprint": asked["message_imprint"],
            "serial_number": int.from_bytes(serial, "big"),
            "gen_time": now.replace(microsecond=0),
            "nonce": asked["nonce"],
        }
    ).dump()
    attributes = cms.CMSAttributes(
        [
            {"type": "content_type", "values": ["tst_info"]},
            {"type": "message_digest", "values": [digest("sha256", stated)]},
            {"type": "signing_certificate_v2", "values": [_signing_certificate(certificate)]},
        ]
    )
    signature = key.sign(attributes.dump(force=True), ec.ECDSA(hashes.SHA256()))
    signed_by = {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
    hashed = algos.DigestAlgorithm({"algorithm": "sha256"})
    signed = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [hashed],
            "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(stated)},
            "signer_infos": [
                {
                    "version": "v1",
                    "sid": cms.SignerIdentifier("issuer_and_serial_number", signed_by),
                    "digest_algorithm": hashed,
                    "signed_attrs": attributes,
                    "signature_algorithm": {"algorithm": "sha256_ecdsa"},
                    "signature": signature,
                }
            ],
        }
    )
    if asked["cert_req"].native:
        signed["certificates"] = [certificate]
    return cms.ContentInfo({"content_type": "signed_data", "content": signed})


def _signing_certificate(certificate: asn1_x509.Certificate) -> tsp.SigningCertificateV2:
    issuer = asn1_x509.GeneralName("directory_name", certificate.issuer)
    named = {
        "cert_hash": digest("sha256", certificate.dump()),
        "issuer_serial": {"issuer": [issuer], "serial_number": certificate.serial_number},
    }
    return tsp.SigningCertificateV2({"certs": [named]})


def _granted(token: cms.ContentInfo) -> bytes:
    reply: bytes = TimeStampReply({"status": {"status": "granted"}, "time_stamp_token": token}).dump()
    return reply


def _rejection(reason: str, failure: set[str]) -> bytes:
    status = {"status": "rejection", "status_string": [reason], "fail_info": failure}
    reply: bytes = TimeStampReply({"status": status}).dump()
    return reply


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _certificate(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def _key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem[pem.index(b"-----BEGIN PRIVATE") :], password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the test authority's keys are ECDSA keys")
    return key


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Write each file whole or not at all, readable by this user alone."""
    for name, content in files.items():
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}-")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).rename(folder / name)
