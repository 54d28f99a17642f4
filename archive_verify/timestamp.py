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

from asn1crypto import cms, tsp

from archive_verify.algorithms import digest, hash_name
from archive_verify.certificates import read_certificate, require_path
from archive_verify.der import reading
from archive_verify.errors import Malformed, Refused
from archive_verify.revocation import require_not_revoked
from archive_verify.signed_data import carried_certificates, require_signed, signer_certificate

# What names a signer, by the version of its SignerInfo (RFC 5652 §5.3).
_SIGNER_IDENTIFIERS = {("v1", "issuer_and_serial_number"), ("v3", "subject_key_identifier")}


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
        carried = carried_certificates(signed)
        info = _only_signer(signed)
        signer = signer_certificate(info, (*carried, *certificates))
        stated = bytes(signed["encap_content_info"]["content"])
        attributes = require_signed(info, signer, "tst_info", lambda algorithm: digest(algorithm, stated))
        if not attributes.keys() & {"signing_certificate", "signing_certificate_v2"}:
            raise Refused("The signature does not name its signer's certificate (RFC 3161 §2.4.2).")
        return _token(der, tsp.TSTInfo.load(stated, strict=True), signer.dump(), carried, _statements(signed))


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
    root is given or whether a certificate was revoked by then is not known, Refused with the reason otherwise.
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
        require_not_revoked(path, token.at, (*token.revocation, *revocation), known_until=at)


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
    info = signed["signer_infos"][0]
    if (info["version"].native, info["sid"].name) not in _SIGNER_IDENTIFIERS:
        raise Malformed("The signature names its signer in a way that RFC 5652 §5.3 does not know.")
    if hash_name(info["digest_algorithm"]) not in {hash_name(one) for one in signed["digest_algorithms"]}:
        raise Refused("The signature uses a hash function that the signed data does not announce.")
    return info


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
