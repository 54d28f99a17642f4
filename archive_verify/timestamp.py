"""Time-stamp tokens (RFC 3161): that a token is what its authority signed, what it stamps, and whether that is trusted.

Three questions, three functions: ``read_token`` checks the token in itself, ``require_stamped`` that it is about these
bytes, ``require_trusted`` that its signer leads to a root of the auditor's own. A token that was only read is not
trusted.
"""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asn1crypto import cms, core, tsp, x509

from archive_verify.algorithms import digest, hash_name, require_signature
from archive_verify.certificates import read_certificate, require_path
from archive_verify.der import reading
from archive_verify.errors import Malformed, Refused, Undecided
from archive_verify.revocation import require_not_revoked


@dataclass(frozen=True, slots=True)
class Token:
    """A token whose signature holds: what it says, and what came with it. All certificates and statements are DER."""

    der: bytes
    at: dt.datetime
    hash_algorithm: str
    imprint: bytes
    policy: str
    serial: int
    nonce: int | None
    signer: bytes
    certificates: tuple[bytes, ...]
    revocation: tuple[bytes, ...]

    @property
    def signer_valid_until(self) -> dt.datetime:
        """The end of the signer's certificate: by then the token must have been renewed."""
        end: dt.datetime = read_certificate(self.signer).not_valid_after
        return end

    @property
    def signer_name(self) -> str:
        """The name in the signer's certificate."""
        return str(read_certificate(self.signer).subject.human_friendly)


def read_token(der: bytes, certificates: Sequence[bytes] = ()) -> Token:
    """Return the token after checking its signature (RFC 3161 §2.4.2, RFC 5652 §5.6, RFC 5816 §2.2.1).

    ``der`` is the ContentInfo; ``certificates`` are further ones to look for the signer in, for a token that carries
    none. Raises Malformed, Refused with the reason, Undecided when the signer's certificate is not at hand.
    """
    with reading("time-stamp token"):
        content = cms.ContentInfo.load(der, strict=True)
        if content["content_type"].native != "signed_data":
            raise Malformed("The time-stamp token is not signed data.")
        signed = content["content"]
        carried = _carried(signed)
        signer_info = _only_signer(signed)
        signer = _signer(signer_info, (*carried, *certificates))
        _require_signed(signed, signer_info, signer)
        stated = tsp.TSTInfo.load(bytes(signed["encap_content_info"]["content"]), strict=True)
        return _token(der, stated, signer.dump(), carried, _statements(signed))


def require_stamped(token: Token, data_digest: bytes, algorithm: str | None = None) -> None:
    """Raise Refused unless the token stamps exactly that digest (and, where named, by that hash function)."""
    if algorithm is not None and token.hash_algorithm != algorithm:
        raise Refused(f"The time-stamp was made over a {token.hash_algorithm} digest, not over {algorithm}.")
    if not hmac.compare_digest(token.imprint, data_digest):
        raise Refused("The time-stamp is about something else.")


def require_trusted(
    token: Token,
    roots: Sequence[bytes],
    intermediates: Sequence[bytes],
    at: dt.datetime,
    revocation: Sequence[bytes] = (),
) -> None:
    """Raise unless the signer led to one of the roots at the instant ``at``, and may make time-stamps.

    ``at`` is the token's own time, or that of the token which renewed it, or the present for the newest one. The
    certificates and revocation statements in the token are considered beside those given. Raises Undecided when no
    root is given, Refused with the reason otherwise.
    """
    path = require_path(token.signer, roots, (*token.certificates, *intermediates), at)
    with reading("time-stamp authority's certificate"):
        usage = path[0].extended_key_usage_value
        if usage is None or usage.native != ["time_stamping"]:
            raise Refused("The signer's certificate is not one for time-stamps only (RFC 3161 §2.3).")
        if "extended_key_usage" not in path[0].critical_extensions:
            raise Refused("The signer's certificate does not mark its purpose as critical (RFC 3161 §2.3).")
        if path[0].key_usage_value is not None and not path[0].key_usage_value.native & {
            "digital_signature",
            "non_repudiation",
        }:
            raise Refused("The signer's certificate is not one for signatures.")
        require_not_revoked(path, token.at, (*token.revocation, *revocation))


def _carried(signed: cms.SignedData) -> tuple[bytes, ...]:
    return tuple(one.chosen.dump() for one in signed["certificates"] or () if one.name == "certificate")


def _statements(signed: cms.SignedData) -> tuple[bytes, ...]:
    """Return the revocation lists and OCSP answers that the token carries."""
    found = []
    for one in signed["crls"] or ():
        if one.name == "certificate_list":
            found.append(one.chosen.dump())
        elif one.chosen["other_rev_info_format"].native == "ocsp_response":
            found.append(one.chosen["other_rev_info"].dump())
    return tuple(found)


def _only_signer(signed: cms.SignedData) -> cms.SignerInfo:
    if signed["version"].native != "v3" or signed["encap_content_info"]["content_type"].native != "tst_info":
        raise Malformed("The signed data does not hold a time-stamp.")
    if len(signed["signer_infos"]) != 1:
        raise Refused("A time-stamp token has exactly one signature (RFC 3161 §2.4.2).")
    return signed["signer_infos"][0]


def _signer(info: cms.SignerInfo, candidates: Sequence[bytes]) -> x509.Certificate:
    """Return the certificate that the signature names."""
    sid = info["sid"]
    if (info["version"].native, sid.name) not in {("v1", "issuer_and_serial_number"), ("v3", "subject_key_identifier")}:
        raise Malformed("The signature names its signer in a way that RFC 5652 §5.3 does not know.")
    for candidate in map(read_certificate, candidates):
        if sid.name == "subject_key_identifier":
            if candidate.key_identifier == sid.chosen.native:
                return candidate
        elif candidate.serial_number == sid.chosen["serial_number"].native and (
            candidate.issuer.dump() == sid.chosen["issuer"].dump()
        ):
            return candidate
    raise Undecided("The token does not carry the certificate of its signer, and none was given.")


def _require_signed(signed: cms.SignedData, info: cms.SignerInfo, signer: x509.Certificate) -> None:
    """Raise Refused unless signed attributes bind content and certificate, and the signature is the signer's."""
    hashed_by = hash_name(info["digest_algorithm"])
    if hashed_by not in {hash_name(one) for one in signed["digest_algorithms"]}:
        raise Refused("The signature uses a hash function that the signed data does not announce.")
    attributes = _attributes(info)
    if _only(attributes, "content_type").native != "tst_info":
        raise Refused("The signature is over content of another kind.")
    stated = bytes(signed["encap_content_info"]["content"])
    if not hmac.compare_digest(_only(attributes, "message_digest").native, digest(hashed_by, stated)):
        raise Refused("The time-stamp's content is not the one that was signed.")
    if "cms_algorithm_protection" in attributes:
        _require_protected(info, _only(attributes, "cms_algorithm_protection"))
    _require_certificate_bound(attributes, signer)
    # The signature is over the attributes as a SET OF, not under their implicit tag (RFC 5652 §5.4).
    data = b"\x31" + info["signed_attrs"].dump()[1:]
    require_signature(signer.public_key, info["signature_algorithm"], hashed_by, info["signature"].native, data)


def _attributes(info: cms.SignerInfo) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for attribute in info["signed_attrs"]:
        name = attribute["type"].native
        if name in attributes:
            raise Refused(f"The signed attribute {name} stands there twice.")
        attributes[name] = attribute["values"]
    return attributes


def _only(attributes: dict[str, Any], name: str) -> Any:
    values = attributes.get(name)
    if values is None or len(values) != 1:
        raise Refused(f"The signed attribute {name} is missing or not a single one.")
    return values[0]


def _require_protected(info: cms.SignerInfo, protection: Any) -> None:
    """RFC 6211 §2: the algorithms outside are those that were signed."""
    same = protection["digest_algorithm"]["algorithm"].native == info["digest_algorithm"]["algorithm"].native
    signed_by = protection["signature_algorithm"]
    if not same or signed_by["algorithm"].native != info["signature_algorithm"]["algorithm"].native:
        raise Refused("The algorithms of the signature are not those that its signer fixed.")


def _require_certificate_bound(attributes: dict[str, Any], signer: x509.Certificate) -> None:
    """Raise Refused unless the first certificate that the signature names is the signer's (RFC 2634 §5.4, RFC 5035)."""
    if "signing_certificate_v2" in attributes:
        named = _only(attributes, "signing_certificate_v2")["certs"][0]
        expected = digest(hash_name(named["hash_algorithm"]), signer.dump())
    else:
        named = _only(attributes, "signing_certificate")["certs"][0]
        expected = signer.sha1
    if not hmac.compare_digest(named["cert_hash"].native, expected):
        raise Refused("The certificate is not the one that the time-stamp's signer named.")
    if not isinstance(named["issuer_serial"], core.Void):
        issuers = [one.chosen for one in named["issuer_serial"]["issuer"] if one.name == "directory_name"]
        if named["issuer_serial"]["serial_number"].native != signer.serial_number or signer.issuer not in issuers:
            raise Refused("The certificate's issuer or number is not the one that the time-stamp's signer named.")


def _token(
    der: bytes, stated: tsp.TSTInfo, signer: bytes, carried: tuple[bytes, ...], statements: tuple[bytes, ...]
) -> Token:
    if stated["version"].native != "v1":
        raise Malformed("The time-stamp is of an unknown version.")
    imprint = stated["message_imprint"]
    algorithm, hashed = hash_name(imprint["hash_algorithm"]), imprint["hashed_message"].native
    if len(hashed) != len(digest(algorithm)):
        raise Malformed("The time-stamp's digest has the wrong length.")
    return Token(
        der=der,
        at=stated["gen_time"].native,
        hash_algorithm=algorithm,
        imprint=hashed,
        policy=stated["policy"].dotted,
        serial=stated["serial_number"].native,
        nonce=stated["nonce"].native,
        signer=signer,
        certificates=carried,
        revocation=statements,
    )
