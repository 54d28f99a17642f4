"""The agency's seal key: in a file, on a device (PKCS#11), or made on the spot for trying the service out.

It must never log a passphrase or a PIN, and never overwrite a key. The key that is made on the spot says in its
certificate that nobody should trust it.
"""

from __future__ import annotations

import datetime as dt
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from archive_service.errors import Message, Misconfigured, unavailable

# The part that is told to be away where a key does not answer.
SEAL_KEY = "seal-key"

TEST_NAME = "TEST – NOT TRUSTED"
_TEST_KEY_BITS = 2048
_TEST_YEARS = 10


@dataclass(frozen=True, slots=True)
class SealKey:
    """A key that can sign, and its certificate. ``guard``: one signature at a time, for devices need that.

    ``anchors``: the root that the certificate leads to (DER), none where it did not come with the key.
    """

    signer: Any
    certificate: x509.Certificate
    anchors: tuple[bytes, ...] = ()
    guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def owner(self) -> str:
        """The name in the certificate: its organisation's where it has one."""
        subject = self.certificate.subject
        for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
            names = subject.get_attributes_for_oid(kind)
            if names:
                return str(names[0].value)
        return subject.rfc4514_string()

    @property
    def sha256(self) -> str:
        """The certificate's fingerprint."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()


def file_key(path: Path, passphrase: str | None) -> SealKey:
    """Load a key with its certificates from PKCS#12, or from PEM: the key, its certificate, then its issuers.

    Raises Misconfigured.
    """
    secret = passphrase.encode() if passphrase is not None else None
    try:
        content = path.read_bytes()
        if b"-----BEGIN" in content:
            key: Any = serialization.load_pem_private_key(content, secret)
            own, *others = x509.load_pem_x509_certificates(content)
        else:
            key, found, issuers = pkcs12.load_key_and_certificates(content, secret)
            if key is None or found is None:
                raise ValueError("no key, or no certificate")
            own, others = found, issuers
    except (OSError, ValueError, TypeError) as wrong:
        raise Misconfigured(
            Message(
                "ARCHIVE_SEAL_KEY_FILE cannot be used: it must hold a key and its certificate, as PKCS#12 or PEM, and "
                "ARCHIVE_SEAL_KEY_PASSPHRASE must open it.",
                "Không dùng được ARCHIVE_SEAL_KEY_FILE: tệp phải chứa khoá và chứng thư, dạng PKCS#12 hoặc PEM, và "
                "ARCHIVE_SEAL_KEY_PASSPHRASE phải mở được tệp.",
            ),
            code="seal-key-unusable",
        ) from wrong
    if not _belong_together(key, own):
        raise Misconfigured(
            Message(
                "The key and the first certificate in ARCHIVE_SEAL_KEY_FILE do not belong together.",
                "Khoá và chứng thư đầu tiên trong ARCHIVE_SEAL_KEY_FILE không khớp nhau.",
            ),
            code="seal-key-unusable",
        )
    return SealKey(_memory_signer(key, own, others), own, _anchors(own, others))


def _belong_together(key: Any, certificate: x509.Certificate) -> bool:
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return bool(key.public_key().public_bytes(*form) == certificate.public_key().public_bytes(*form))


def _anchors(own: x509.Certificate, others: Sequence[x509.Certificate]) -> tuple[bytes, ...]:
    """Return the self-issued certificate at the end of the chain from ``own``, as far as it is among the others."""
    last = [own, *_issuers(own, others)][-1]
    return (last.public_bytes(serialization.Encoding.DER),) if last.subject == last.issuer else ()


def _issuers(own: x509.Certificate, others: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return the chain above ``own`` as far as it is among the others: each has signed the one before."""
    found = list[x509.Certificate]()
    while (last := [own, *found][-1]).subject != last.issuer and len(found) < len(others):
        issuer = next((one for one in others if _has_signed(one, last)), None)
        if issuer is None:
            break
        found.append(issuer)
    return found


def _has_signed(issuer: x509.Certificate, issued: x509.Certificate) -> bool:
    """Whether it is the very issuer: names alone do not tell one generation of an authority from the next."""
    try:
        issued.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _memory_signer(key: Any, own: x509.Certificate, others: list[x509.Certificate]) -> Any:
    from asn1crypto.keys import PrivateKeyInfo
    from asn1crypto.x509 import Certificate
    from pyhanko.sign.signers.pdf_cms import SimpleSigner
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    form = (serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    known = SimpleCertificateStore()  # type: ignore[no-untyped-call]  # pyHanko's own libraries are not typed
    known.register_multiple([Certificate.load(one.public_bytes(serialization.Encoding.DER)) for one in others])
    return SimpleSigner(
        signing_cert=Certificate.load(own.public_bytes(serialization.Encoding.DER)),
        signing_key=PrivateKeyInfo.load(key.private_bytes(*form)),
        cert_registry=known,
    )


@dataclass(frozen=True, slots=True)
class DevicePlace:
    """Where a key is on a device: the driver's library, the token's label, the label of key and certificate."""

    module: Path
    token: str
    label: str
    pin: str | None


def device_key(place: DevicePlace, issuers: Sequence[bytes] = ()) -> SealKey:
    """Open a session with the device and find the key and its certificate.

    The chain above the certificate is put together of those issuers (DER) and of the token's other certificates, and
    goes into every seal; what does not belong to it stays out. Raises Unavailable.
    """
    import pkcs11
    from asn1crypto.x509 import Certificate
    from pyhanko.sign.pkcs11 import PKCS11Signer

    try:
        session = _session(place)
        signer = PKCS11Signer(session, cert_label=place.label, key_label=place.label)
        own = x509.load_der_x509_certificate(signer.signing_cert.dump())
        others = [*map(x509.load_der_x509_certificate, issuers), *_certificates_on(session)]
    except (pkcs11.PKCS11Error, OSError, RuntimeError) as failure:
        raise unavailable(SEAL_KEY) from failure
    chain = _issuers(own, others)
    known: Any = signer.cert_registry
    known.register_multiple([Certificate.load(one.public_bytes(serialization.Encoding.DER)) for one in chain])
    return SealKey(signer, own, _anchors(own, chain))


def _session(place: DevicePlace) -> Any:
    """Return a new session with the token. Whoever has logged in once in this process has for all its sessions."""
    import pkcs11
    from pyhanko.config.pkcs11 import TokenCriteria
    from pyhanko.sign.pkcs11 import open_pkcs11_session

    token = TokenCriteria(label=place.token)
    try:
        return open_pkcs11_session(str(place.module), token_criteria=token, user_pin=place.pin)
    except pkcs11.UserAlreadyLoggedIn:
        return open_pkcs11_session(str(place.module), token_criteria=token)


def _certificates_on(session: Any) -> Iterator[x509.Certificate]:
    """Yield every certificate on the token that can be read."""
    import pkcs11

    kind = {
        pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE,
        pkcs11.Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
    }
    for found in session.get_objects(kind):
        with suppress(ValueError, pkcs11.AttributeTypeInvalid):
            yield x509.load_der_x509_certificate(found[pkcs11.Attribute.VALUE])


def made_key(folder: Path, now: dt.datetime) -> SealKey:
    """Return the key for trying the service out, made now if the folder has none; nobody should trust it.

    Several processes may ask at once: the first to be done wins. Raises Misconfigured.
    """
    path = folder / "test-seal-key.pem"
    if not path.exists():
        try:
            _make(path, now)
        except OSError as unwritable:
            raise Misconfigured(
                Message(
                    "No seal key is set, and none can be made in the data folder: set ARCHIVE_SEAL_KEY_FILE or "
                    "ARCHIVE_SEAL_DEVICE_MODULE.",
                    "Chưa đặt khoá ký và không thể tạo khoá trong thư mục dữ liệu: hãy đặt ARCHIVE_SEAL_KEY_FILE hoặc "
                    "ARCHIVE_SEAL_DEVICE_MODULE.",
                ),
                code="seal-key-unusable",
            ) from unwritable
    return file_key(path, None)


def _make(path: Path, now: dt.datetime) -> None:
    """Write a new key and its certificate, unless another process was first. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    own = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(_new_pem(now))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(own, path)
    except FileExistsError:
        pass
    finally:
        own.unlink()


def _new_pem(now: dt.datetime) -> bytes:
    """Return a new key and a certificate signed by itself, as PEM."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=_TEST_KEY_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, TEST_NAME)])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=365 * _TEST_YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form) + certificate.public_bytes(serialization.Encoding.PEM)
