"""Judging an authority's reply by two checkers that share no code, before its token is kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import rfc3161_client
from asn1crypto import cms, tsp
from cryptography import x509

from archive_service.errors import ArchiveError, IntegrityFailure, Message, Misconfigured
from archive_service.evidence.timestamp import TimestampRequest, require_answer, token_in
from archive_verify.errors import Refused, Undecided
from archive_verify.timestamp import Token


def accept_reply(
    authority: str, reply: bytes, request: TimestampRequest, roots: Sequence[bytes], now: dt.datetime
) -> Token:
    """Return the token of a reply that answers the request.

    The archive's own checker judges first, then rfc3161-client with OpenSSL below it: a fault in either one does not
    let a wrong reply in. Raises IntegrityFailure with the reason, Misconfigured when the authority has no root.
    """
    try:
        token = require_answer(token_in(reply), request, roots, now)
        _require_agreed(token, request, roots)
    except Undecided as undecided:
        raise Misconfigured(
            Message(
                f"Time-stamps of {authority} cannot be checked: {undecided} See ARCHIVE_TIMESTAMP_ROOTS_DIR.",
                f"Không kiểm tra được dấu thời gian của {authority}: {undecided} Xem ARCHIVE_TIMESTAMP_ROOTS_DIR.",
            )
        ) from undecided
    except Refused as refused:
        raise refused_reply(authority, str(refused)) from refused
    return token


def refused_reply(authority: str, reason: str) -> ArchiveError:
    """Return the error for a reply that must not be kept; the reason is a sentence."""
    return IntegrityFailure(
        Message(
            f"A time-stamp of {authority} is refused: {reason} Deposits go on; ask the authority if this repeats.",
            f"Dấu thời gian của {authority} bị từ chối: {reason} Việc tiếp nhận vẫn tiếp tục; "
            "hãy liên hệ nhà cung cấp nếu lặp lại.",
        ),
        code="timestamp-refused",
    )


def _require_agreed(token: Token, request: TimestampRequest, roots: Sequence[bytes]) -> None:
    """Raise Refused unless rfc3161-client accepts the token as well."""
    granted = tsp.TimeStampResp(
        {"status": {"status": "granted"}, "time_stamp_token": cms.ContentInfo.load(token.der)}
    ).dump()
    try:
        verifier = rfc3161_client.VerifierBuilder(
            roots=[x509.load_der_x509_certificate(root) for root in roots],
            intermediates=[x509.load_der_x509_certificate(one) for one in token.certificates],
            nonce=request.nonce,
        ).build()
        verifier.verify(rfc3161_client.decode_timestamp_response(granted), request.imprint)
    except (rfc3161_client.VerificationError, ValueError) as wrong:
        raise Refused(f"The second checker refuses it ({wrong}).") from wrong
