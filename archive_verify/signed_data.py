"""CMS signatures (RFC 5652): whose they are, and that they are over this content and no other."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from typing import Any

from asn1crypto import cms, core, x509

from archive_verify.algorithms import digest, hash_name, require_signature
from archive_verify.certificates import read_certificate
from archive_verify.errors import Malformed, Refused, Undecided


def carried_certificates(signed: cms.SignedData) -> tuple[bytes, ...]:
    """Return the X.509 certificates that came with the signature, DER."""
    return tuple(one.chosen.dump() for one in signed["certificates"] or () if one.name == "certificate")


def signer_certificate(info: cms.SignerInfo, candidates: Sequence[bytes]) -> x509.Certificate:
    """Return the certificate that the signature names. Raises Undecided when it is not among the candidates."""
    sid = info["sid"]
    for candidate in map(read_certificate, candidates):
        if sid.name == "subject_key_identifier":
            if candidate.key_identifier == sid.chosen.native:
                return candidate
        elif candidate.serial_number == sid.chosen["serial_number"].native and (
            candidate.issuer.dump() == sid.chosen["issuer"].dump()
        ):
            return candidate
    raise Undecided("The signature does not carry the certificate of its signer, and none was given.")


def require_signed(
    info: cms.SignerInfo, signer: x509.Certificate, content_type: str, digest_of: Callable[[str], bytes]
) -> dict[str, Any]:
    """Return the signed attributes, once it is sure that they are about this content and signed by this key.

    ``digest_of`` gives the content's digest by a hash function's name. Raises Refused with the reason, Undecided for a
    signature without signed attributes, which PAdES and time-stamps do not permit.
    """
    if isinstance(info["signed_attrs"], core.Void):
        raise Undecided("A signature has no signed attributes, a form that is not checked here.")
    hashed_by = hash_name(info["digest_algorithm"])
    attributes = _attributes(info)
    if only(attributes, "content_type").native != content_type:
        raise Refused("A signature is over content of another kind.")
    if not hmac.compare_digest(only(attributes, "message_digest").native, digest_of(hashed_by)):
        raise Refused("The content is not the one that was signed.")
    if "cms_algorithm_protection" in attributes:
        _require_protected(info, only(attributes, "cms_algorithm_protection"))
    _require_certificate_bound(attributes, signer)
    # The signature is over the attributes as a SET OF, not under their implicit tag (RFC 5652 §5.4).
    data = b"\x31" + info["signed_attrs"].dump()[1:]
    require_signature(signer.public_key, info["signature_algorithm"], hashed_by, info["signature"].native, data)
    return attributes


def only(attributes: dict[str, Any], name: str) -> Any:
    """Return the one value of an attribute. Raises Refused when there is none, or more than one."""
    values = attributes.get(name)
    if values is None or len(values) != 1:
        raise Refused(f"The signed attribute {name} is missing or not a single one.")
    return values[0]


def _attributes(info: cms.SignerInfo) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for attribute in info["signed_attrs"]:
        name = attribute["type"].native
        if name in attributes:
            raise Malformed(f"The signed attribute {name} stands there twice.")
        attributes[name] = attribute["values"]
    return attributes


def _require_protected(info: cms.SignerInfo, protection: Any) -> None:
    """RFC 6211 §2: the algorithms outside are those that were signed."""
    same = protection["digest_algorithm"]["algorithm"].native == info["digest_algorithm"]["algorithm"].native
    signed_by = protection["signature_algorithm"]
    if not same or signed_by["algorithm"].native != info["signature_algorithm"]["algorithm"].native:
        raise Refused("The algorithms of the signature are not those that its signer fixed.")


def _require_certificate_bound(attributes: dict[str, Any], signer: x509.Certificate) -> None:
    """Raise Refused when the certificate named inside the signature is another one (RFC 2634 §5.4, RFC 5035)."""
    if "signing_certificate_v2" in attributes:
        named = only(attributes, "signing_certificate_v2")["certs"][0]
        expected = digest(hash_name(named["hash_algorithm"]), signer.dump())
    elif "signing_certificate" in attributes:
        named = only(attributes, "signing_certificate")["certs"][0]
        expected = signer.sha1
    else:
        return  # The caller decides whether that is permitted: adbe.pkcs7.detached, older than PAdES, names none.
    if not hmac.compare_digest(named["cert_hash"].native, expected):
        raise Refused("The certificate is not the one that the signer named.")
    if not isinstance(named["issuer_serial"], core.Void):
        issuers = [one.chosen for one in named["issuer_serial"]["issuer"] if one.name == "directory_name"]
        if named["issuer_serial"]["serial_number"].native != signer.serial_number or signer.issuer not in issuers:
            raise Refused("The certificate's issuer or number is not the one that the signer named.")
