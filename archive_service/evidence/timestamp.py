"""Asking a time-stamp authority (RFC 3161): the request, and what its reply must be before it is kept.

A reply is kept only when it is granted, answers this very request (nonce), stamps this very digest, is signed by who
leads to a root configured for that authority, and was made now. A reply to another request fails at three of these.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from asn1crypto import cms, core, tsp

from archive_verify.der import reading
from archive_verify.errors import Refused
from archive_verify.timestamp import Token, read_token, require_stamped, require_trusted

# 64 bits, as RFC 3161 §2.4.1 suggests for an unpredictable nonce.
NONCE_BYTES = 8

# How far an authority's clock may be from ours: a replayed or prepared token lies further away.
CLOCK_TOLERANCE = dt.timedelta(minutes=5)

_GRANTED = {"granted", "granted_with_mods"}


class TimeStampReply(core.Sequence):  # type: ignore[misc]  # asn1crypto has no types
    """RFC 3161 §2.4.2; asn1crypto's own class demands the token also of a reply that grants nothing."""

    _fields = [  # noqa: RUF012  # asn1crypto reads it from the class
        ("status", tsp.PKIStatusInfo),
        ("time_stamp_token", cms.ContentInfo, {"optional": True}),
    ]


@dataclass(frozen=True, slots=True)
class TimestampRequest:
    """What is asked: a digest, by which hash function, and a number that only this request carries."""

    imprint: bytes
    algorithm: str
    nonce: int

    def der(self) -> bytes:
        """Return the TimeStampReq, which asks for the signer's certificate (RFC 3161 §2.4.1)."""
        asked = tsp.TimeStampReq(
            {
                "version": "v1",
                "message_imprint": {
                    "hash_algorithm": {"algorithm": self.algorithm},
                    "hashed_message": self.imprint,
                },
                "nonce": self.nonce,
                "cert_req": True,
            }
        )
        der: bytes = asked.dump()
        return der


def make_nonce(random: bytes) -> int:
    """Return a positive nonce of NONCE_BYTES unpredictable bytes; its highest bit is set, so that it is never short."""
    if len(random) != NONCE_BYTES:
        raise ValueError(f"a nonce has {NONCE_BYTES} bytes")
    return int.from_bytes(random, "big") | 1 << (NONCE_BYTES * 8 - 1)


def token_in(reply: bytes) -> bytes:
    """Return the token of a TimeStampResp, its certificates in DER order (RFC 3161 §2.4.2, RFC 4998 §5.2).

    The certificates are not signed, so their order may be mended; a token that will be hashed should be DER.
    Raises Refused with the authority's own words when it did not grant the request, Malformed.
    """
    with reading("time-stamp reply"):
        answer = TimeStampReply.load(reply, strict=True)
        status = answer["status"]["status"].native
        if status not in _GRANTED:
            said = "; ".join(answer["status"]["status_string"].native or ())
            raise Refused(f"The authority answered {status}{': ' if said else ''}{said[:200]}.")
        return _in_der_order(answer["time_stamp_token"])


def _in_der_order(token: cms.ContentInfo) -> bytes:
    signed = token["content"]
    certificates = [one.dump() for one in signed["certificates"] or ()]
    if certificates != sorted(certificates):
        ordered = [cms.CertificateChoices.load(one) for one in sorted(certificates)]
        signed["certificates"] = cms.CertificateSet(ordered)
        token = cms.ContentInfo({"content_type": "signed_data", "content": signed})
    der: bytes = token.dump()
    return der


def require_answer(token: bytes, request: TimestampRequest, roots: Sequence[bytes], now: dt.datetime) -> Token:
    """Return the token after checking that it answers the request and may be kept. Roots are DER certificates.

    Raises Refused with the reason, Malformed, Undecided when there is no root.
    """
    answer = read_token(token, roots)
    if answer.nonce != request.nonce:
        raise Refused("The reply carries another nonce than the request: it answers somebody else's, or an older one.")
    require_stamped(answer, request.imprint, request.algorithm)
    if abs(answer.at - now) > CLOCK_TOLERANCE:
        raise Refused(f"The authority's time {answer.at.isoformat()} is not the present time of this machine.")
    require_trusted(answer, roots, (), answer.at)
    return answer
