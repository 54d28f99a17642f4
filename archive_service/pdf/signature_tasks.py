"""What the signatures' own sandbox can be asked for: a server apart, whose libraries only signed deposits pay for.

It must never be imported by the archive's own processes. It starts with the first signed deposit of a process.
"""

from __future__ import annotations

import datetime as dt
import io
import logging
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from asn1crypto.keys import PrivateKeyInfo
from asn1crypto.x509 import Certificate
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, SimpleSigner, sign_pdf
from pyhanko_certvalidator.registry import SimpleCertificateStore

from archive_service.pdf.drawing import list_fonts
from archive_service.pdf.inspect import inspect_opened
from archive_service.pdf.opened import Opened
from archive_service.pdf.sandbox_server import Emit, Task
from archive_service.pdf.signatures import Validator
from archive_service.pdf.trial import trial_pdf
from archive_service.pdf.trust import BadTrustFile, load_trust

TASK = "signatures"
EXAMINE = "examine"
BAD_TRUST = "bad-trust"

_Check = Callable[[Opened, Mapping[str, Any], Emit], None]


def load(options: Mapping[str, Any]) -> Mapping[str, Task]:
    """Load the libraries and the anchors of the folders that the options name, and return the tasks by name.

    A folder that cannot be used is told at every task: nothing is validated against half of it.
    """
    # The library writes names of signers into its log.
    logging.disable(logging.CRITICAL)
    try:
        check: _Check = Validator(load_trust(options)).check
    except (BadTrustFile, OSError) as unusable:
        check = _telling(str(unusable))
    tasks: Mapping[str, Task] = {TASK: partial(_check_alone, check=check), EXAMINE: partial(_examine, check=check)}
    list_fonts()
    _warm_up(tasks[EXAMINE])
    return tasks


def _check_alone(document: int, options: Mapping[str, Any], emit: Emit, check: _Check) -> None:
    with Opened(document) as file:
        check(file, options, emit)


def _examine(document: int, options: Mapping[str, Any], emit: Emit, check: _Check) -> None:
    """Emit what the signatures are worth, and then what the file is: one process for both, which opens it once.

    Options: those of ``Validator.check`` and of ``inspect``. In this order, so that the verdict's facts have left the
    process before the library that draws pages, which the check does without, sees the file.
    """
    with Opened(document, options["max_decoded_bytes"]) as file:
        check(file, options, emit)
        inspect_opened(file, options, emit)


def _telling(problem: str) -> _Check:
    def tell(_file: Opened, _options: Mapping[str, Any], emit: Emit) -> None:
        emit({"kind": BAD_TRUST, "file": problem})

    return tell


def _warm_up(task: Task) -> None:
    """Examine a PDF of our own once: what libraries set up at their first use is inherited by every child."""
    trial = os.memfd_create("signed-trial")
    try:
        os.write(trial, _signed(trial_pdf()))
        options = {"max_pages": 1, "max_decoded_bytes": 1 << 30, "at": dt.datetime.now(dt.UTC).isoformat()}
        task(trial, options, lambda _: None)
    finally:
        os.close(trial)


def _signed(pdf: bytes) -> bytes:
    """Return the PDF signed with a key that nobody keeps."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "trial")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(days=1))
        .add_extension(x509.KeyUsage(*(True, True, *[False] * 7)), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signer = SimpleSigner(
        signing_cert=Certificate.load(certificate.public_bytes(serialization.Encoding.DER)),
        signing_key=PrivateKeyInfo.load(private),
        cert_registry=SimpleCertificateStore(),  # type: ignore[no-untyped-call]  # pyHanko has no types here
    )
    out = io.BytesIO()
    described = PdfSignatureMetadata(field_name="Trial", subfilter=SigSeedSubFilter.PADES)
    sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)), described, signer=signer, output=out)
    return out.getvalue()
