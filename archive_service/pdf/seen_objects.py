"""The certificates and revocation data that a validation looked at, each once, as far as there is room to keep them.

Runs in the sandboxed child. It must never keep more than the budget: a hostile file may carry any number of them. What
is left out is named by its digest; whatever the file itself carries stays in the original anyway.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from asn1crypto import crl, x509
from pyhanko_certvalidator.ltv.poe import ValidationObject, ValidationObjectType

from archive_service.model.signatures import SeenKind

# The report is a small object of the store, at most 4 MiB; base64 takes a third more.
_KEPT_BYTES = 2 * 1024 * 1024
_MOST_OBJECTS = 500


class SeenObjects:
    """Gathers what was looked at."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[SeenKind, str | None, bytes]] = {}
        self._issuers: set[str] = set()
        self._lists: list[crl.CertificateList] = []

    def add_certificate(self, certificate: x509.Certificate) -> None:
        """Take note of a certificate."""
        self._issuers.add(certificate.issuer.hashable)
        self._add(SeenKind.CERTIFICATE, certificate.subject.human_friendly, certificate.dump())

    def add_used(self, used: ValidationObject) -> None:
        """Take note of what the validator names; of kinds that carry no evidence it takes none."""
        match used.object_type:
            case ValidationObjectType.CERTIFICATE:
                self.add_certificate(used.value)
            case ValidationObjectType.CRL:
                self._lists.append(used.value.crl_data)
            case ValidationObjectType.OCSP_RESPONSE:
                self._add(SeenKind.OCSP, None, used.value.ocsp_response_data.dump())

    def listed(self) -> list[dict[str, Any]]:
        """Return everything as the answer carries it; lists of authorities that had no part are left out."""
        for one in self._lists:
            if one.issuer.hashable in self._issuers:
                self._add(SeenKind.CRL, one.issuer.human_friendly, one.dump())
        left = _KEPT_BYTES
        answer = []
        for digest, (kind, subject, der) in sorted(self._found.items()):
            fits = len(der) <= left
            left -= len(der) if fits else 0
            kept = base64.b64encode(der).decode("ascii") if fits else None
            answer.append({"kind": kind, "sha256": digest, "subject": subject, "der": kept})
        return answer

    def _add(self, kind: SeenKind, subject: str | None, der: bytes) -> None:
        if len(self._found) < _MOST_OBJECTS:
            self._found[hashlib.sha256(der).hexdigest()] = (kind, subject, der)
