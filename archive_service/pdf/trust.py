"""Who is trusted, and what is known of revoked certificates: an operator's folders of PEM and DER files.

Read in the sandbox's server before any document, never in the child: what is trusted is not the document's to say.
Agencies vouch for signatures, time-stamp authorities for times; neither vouches for the other. RFC 5280, RFC 7468.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from asn1crypto import crl, pem, x509

from archive_service.pdf.trust_folders import files_in

# A certificate has some kilobytes, a national authority's revocation list some megabytes.
_LARGEST_BYTES = 64 * 1024 * 1024


class BadTrustFile(Exception):
    """A file of the trust folders is not what it should be; its name is the message."""


@dataclass(frozen=True, slots=True)
class Trust:
    """The configured anchors and revocation lists, parsed. ``crls`` is None when no folder of them is configured."""

    agencies: tuple[x509.Certificate, ...] = ()
    time_stamp_authorities: tuple[x509.Certificate, ...] = ()
    crls: tuple[crl.CertificateList, ...] | None = None


def load_trust(options: Mapping[str, Any]) -> Trust:
    """Return what the folders ``agency_dir``, ``tsa_dir`` and ``crl_dir`` hold; each may be None.

    Raises BadTrustFile for a file that cannot be read: half a set of anchors is not what an operator meant.
    """
    crl_dir = options.get("crl_dir")
    return Trust(
        agencies=tuple(_parsed(options.get("agency_dir"), x509.Certificate)),
        time_stamp_authorities=tuple(_parsed(options.get("tsa_dir"), x509.Certificate)),
        crls=None if crl_dir is None else tuple(_parsed(crl_dir, crl.CertificateList)),
    )


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of the certificate's DER in hexadecimal."""
    return hashlib.sha256(certificate.dump()).hexdigest()


def _parsed(folder: str | None, kind: type[Any]) -> Iterator[Any]:
    for path in files_in(folder):
        try:
            if path.stat().st_size > _LARGEST_BYTES:
                raise BadTrustFile(path.name)
            for der in _ders(path.read_bytes()):
                parsed = kind.load(der, strict=True)
                parsed.native  # noqa: B018  # the parser is lazy; what is wrong inside must be known now
                yield parsed
        except (OSError, ValueError, TypeError, KeyError) as wrong:
            raise BadTrustFile(path.name) from wrong


def _ders(content: bytes) -> Iterator[bytes]:
    if pem.detect(content):
        for _, _, der in pem.unarmor(content, multiple=True):
            yield der
    else:
        yield content
