"""Signatures in a PDF, found in its bytes without reading the PDF (ISO 32000-2 §12.8.1).

A signature covers everything but one gap, which holds the signature itself. This says what each covers and whether its
arithmetic holds. It does not say what a page shows, nor whether something added after the last signature changes what
a reader sees: that takes a PDF library.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from asn1crypto import cms, parser

from archive_verify.algorithms import digest
from archive_verify.certificates import read_certificate
from archive_verify.der import reading
from archive_verify.errors import Malformed, Refused, Undecided
from archive_verify.signed_data import carried_certificates, require_signed, signer_certificate
from archive_verify.timestamp import Token, read_token, require_stamped

# More than any document has; a file of nothing but signatures must not keep the checker busy for ever.
_MOST_SIGNATURES = 100

# Bytes of the gap: certificates and revocation lists of a whole hierarchy fit, hexadecimal, many times.
_LONGEST_SIGNATURE = 1 << 24


def _name(text: str) -> bytes:
    """Return a pattern for a PDF name, whose letters may be written as #xx (ISO 32000-2 §7.3.5)."""
    return b"/" + b"".join(b"(?:%c|#%x|#%X)" % (letter, letter, letter) for letter in text.encode("ascii"))


_SPACE = rb"[\0\t\n\f\r ]"
_BYTE_RANGE = re.compile(_name("ByteRange") + rb"(?![A-Za-z0-9#])")
_SIGNATURE_FORM = re.compile(_name("SubFilter") + _SPACE + rb"*/(?:adbe|ETSI)\.")
_FOUR_NUMBERS = re.compile(
    _SPACE + rb"*\[" + (_SPACE + rb"*([0-9]{1,12})") + (_SPACE + rb"+([0-9]{1,12})") * 3 + _SPACE + rb"*\]"
)
_CONTENTS_BEFORE = re.compile(rb"/Contents" + _SPACE + rb"*\Z")
_HEXADECIMAL = re.compile(rb"<(?:[0-9A-Fa-f]{2})+>")


@dataclass(frozen=True, slots=True)
class PdfSignature:
    """A signature: it covers the bytes from 0 to ``gap_start`` and from ``gap_end`` to ``end``; ``der`` is its CMS."""

    gap_start: int
    gap_end: int
    end: int
    der: bytes


@dataclass(frozen=True, slots=True)
class CheckedSignature:
    """A signature whose arithmetic holds. All certificates are DER; a document time-stamp is its own token."""

    signer: bytes
    certificates: tuple[bytes, ...]
    token: Token | None
    is_time_stamp: bool

    @property
    def signer_name(self) -> str:
        """The name in the signer's certificate."""
        return str(read_certificate(self.signer).subject.human_friendly)


def find_signatures(pdf: memoryview) -> list[PdfSignature]:
    """Return the signatures in the order of what they cover.

    Raises Malformed, Refused for ranges that cannot be, Undecided when there are none but something looks like one.
    """
    found: dict[tuple[int, int, int], PdfSignature] = {}
    for place in _BYTE_RANGE.finditer(pdf):
        numbers = _FOUR_NUMBERS.match(pdf, place.end())
        if numbers is None:
            raise Malformed("A signature in the PDF does not say what it covers.")
        start, gap_start, gap_end, length = map(int, numbers.groups())
        end = gap_end + length
        if start != 0 or not gap_start < gap_end < end <= len(pdf):
            raise Refused(
                "A signature in the PDF does not cover the file from its beginning, or covers what is not there."
            )
        if not (place.start() < gap_start or gap_end <= place.start()) or numbers.end() > end:
            raise Refused("What a signature in the PDF says it covers is itself not covered.")
        if (gap_start, gap_end, end) not in found:
            der = _contents(pdf, gap_start, gap_end)
            found[gap_start, gap_end, end] = PdfSignature(gap_start, gap_end, end, der)
        if len(found) > _MOST_SIGNATURES:
            raise Malformed(f"The PDF has more than {_MOST_SIGNATURES} signatures.")
    if not found and _SIGNATURE_FORM.search(pdf):
        raise Undecided("The PDF seems to hold a signature that does not say what it covers.")
    signatures = sorted(found.values(), key=lambda one: one.end)
    for earlier, later in pairwise(signatures):
        if later.gap_start < earlier.end:
            raise Refused("Two signatures in the PDF overlap: one leaves out what the other covers.")
    return signatures


def check_signature(pdf: memoryview, signature: PdfSignature, certificates: Sequence[bytes] = ()) -> CheckedSignature:
    """Return a signature after computing it again over the bytes that it covers.

    ``certificates`` are further ones to look for the signer in. Raises Refused, Malformed, Undecided with the reason.
    """

    def covered(algorithm: str) -> bytes:
        return digest(algorithm, pdf[: signature.gap_start], pdf[signature.gap_end : signature.end])

    with reading("signature in the PDF"):
        content = cms.ContentInfo.load(signature.der, strict=True)
        if content["content_type"].native != "signed_data":
            raise Undecided("A signature in the PDF is of an old form, which is not checked here.")
        signed = content["content"]
        if signed["encap_content_info"]["content_type"].native == "tst_info":
            token = read_token(signature.der, certificates)
            require_stamped(token, covered(token.hash_algorithm))
            return CheckedSignature(token.signer, token.certificates, token, is_time_stamp=True)
        if signed["encap_content_info"]["content"].native is not None:
            raise Undecided("A signature in the PDF carries its own content, an old form that is not checked here.")
        if len(signed["signer_infos"]) != 1:
            raise Refused("A signature in the PDF has more than one signer, or none (ISO 32000-2 §12.8.3.3).")
        info, carried = signed["signer_infos"][0], carried_certificates(signed)
        signer = signer_certificate(info, (*carried, *certificates))
        require_signed(info, signer, "data", covered)
        return CheckedSignature(signer.dump(), carried, _time_stamp(info, certificates), is_time_stamp=False)


def _contents(pdf: memoryview, start: int, end: int) -> bytes:
    """Return what the gap holds: one hexadecimal string with a DER value, and nothing behind it but zeros."""
    if end - start > _LONGEST_SIGNATURE:
        raise Malformed("A signature in the PDF leaves out more than any signature needs.")
    if not _CONTENTS_BEFORE.search(pdf[max(0, start - 64) : start]) or not _HEXADECIMAL.fullmatch(pdf[start:end]):
        raise Malformed("The part of the PDF that a signature leaves out holds something else than the signature.")
    held = bytes.fromhex(str(pdf[start + 1 : end - 1], "ascii"))
    with reading("signature in the PDF"):
        length = parser.peek(held)
    if held[length:].strip(b"\0"):
        raise Refused("Something is hidden behind a signature in the PDF.")
    return held[:length]


def _time_stamp(info: cms.SignerInfo, certificates: Sequence[bytes]) -> Token | None:
    """Return the time-stamp over the signature's value (RFC 3161 Appendix A), None when there is none."""
    for attribute in info["unsigned_attrs"] or ():
        if attribute["type"].native == "signature_time_stamp_token":
            token = read_token(attribute["values"][0].dump(), certificates)
            require_stamped(token, digest(token.hash_algorithm, info["signature"].native))
            return token
    return None
