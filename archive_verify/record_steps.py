"""Steps 1 to 4 and 7 of a record's package: the package and the record in it. Nothing but hashes, no trust in anybody.

Steps 1 and 3 are those of a disposal's package, too.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

from archive_verify.bag import bag_problems
from archive_verify.contents import (
    ORIGINAL,
    RECEIPT,
    SEALED,
    Entry,
    entries,
    layout_problems,
    manifest,
    read_json,
)
from archive_verify.encoding import encode_base64
from archive_verify.errors import Malformed, Refused, Undecided
from archive_verify.log_history import OutOfOrder, require_in_time_order
from archive_verify.notes import parse_note
from archive_verify.package import Package
from archive_verify.trust import Trust
from archive_verify.verdicts import Findings

_RECEIPT_HEADER = "archive-service/receipt/v1"
_RECEIPT_SAYS_MORE = {"idempotency_key_sha256", "issued_at", "maximum_merge_delay_seconds"}


def package_is_whole(package: Package, _: Trust, findings: Findings) -> None:
    """Step 1: every byte of the file follows from its contents, and nothing is missing or too much."""
    findings.refused += package.problems
    with findings.part():
        findings.refused += layout_problems(package)
    with findings.part():
        findings.refused += bag_problems(package)


def original_is_the_one_deposited(package: Package, _: Trust, findings: Findings) -> None:
    """Step 2: the documents have the digests and the size that the entries commit to."""
    with findings.part():
        require_digests(package, ORIGINAL, manifest(package))
    sealed = [entry.values["rendition"] for entry in entries(package) if entry.type == "rendition-sealed"]
    if SEALED in package:
        with findings.part():
            if not sealed:
                raise Refused("There is a sealed rendition, but no entry of its sealing.")
            require_digests(package, SEALED, sealed[-1])
    elif sealed:
        findings.undecided.append("A sealed rendition was made, but is not in the package.")


def manifest_is_the_one_committed(package: Package, _: Trust, findings: Findings) -> None:
    """Step 3: every payload is the one that its entry commits to, by SHA-256 and by SHA-512."""
    for entry in entries(package):
        with findings.part():
            committed = entry.salt + entry.payload
            for name, stated in (("sha256", entry.sha256), ("sha512", entry.sha512)):
                if not hmac.compare_digest(hashlib.new(name, committed).hexdigest(), stated):
                    raise Refused(f"The payload of entry {entry.index} is not the one it commits to by {name.upper()}.")


def metadata_is_the_one_committed(package: Package, _: Trust, findings: Findings) -> None:
    """Step 4: every version of the metadata is the one committed to, and no version is missing between."""
    committed: dict[int, str] = {}
    for entry in entries(package):
        if entry.type in {"deposited", "metadata-corrected"}:
            commitment = entry.values["metadata"]
            if commitment["version"] != len(committed) + 1:
                raise Refused(f"Entry {entry.index} is not of metadata version {len(committed) + 1}, which comes next.")
            committed[commitment["version"]] = commitment["sha256"]
    present = {int(name.rpartition("/")[2].partition(".")[0]) for name in package.names("data/metadata/")}
    for version in sorted(present | set(committed)):
        with findings.part():
            if version not in committed:
                raise Refused(f"No entry commits to metadata version {version}.")
            salted = package.content(f"data/metadata/{version}.salt") + package.content(f"data/metadata/{version}.json")
            if not hmac.compare_digest(hashlib.sha256(salted).hexdigest(), committed[version]):
                raise Refused(f"Metadata version {version} is not the one committed to.")


def history_is_consistent(package: Package, _: Trust, findings: Findings) -> None:
    """Step 7: one record from its deposit on, in the order of time, as the receipt promised it, and not disposed of."""
    life = entries(package)
    with findings.part():
        if life[0].type != "deposited" or any(entry.type == "deposited" for entry in life[1:]):
            raise Refused("The first entry, and no other, must be the deposit.")
    with findings.part():
        if {entry.record for entry in life} != {package.folder}:
            raise Refused("Not every entry is about the record that the package is named after.")
    with findings.part():
        require_time_order(life)
    if any(entry.type == "disposed" for entry in life):
        findings.refused.append("The record was disposed of: it should not exist any more.")
    with findings.part():
        _require_receipt(package, life[0])


def require_digests(package: Package, name: str, stated: dict[str, Any]) -> None:
    """Raise Refused unless a member has the size and both digests that an entry states; Malformed without it."""
    digests = package.digests(name)
    for what in ("sha256", "sha512", "size_bytes"):
        if getattr(digests, what) != stated[what]:
            raise Refused(f"{name} has another {what} than the entry commits to.")


def require_time_order(life: Sequence[Entry]) -> None:
    """Raise Undecided where stated times contradict the order, which is proven: a person must look which is wrong."""
    try:
        require_in_time_order(entry.data for entry in life)
    except OutOfOrder as contradiction:
        raise Undecided(
            f"{contradiction} Either a clock was wrong then, or an entry was written later than it says: ask the "
            "archive which, and compare its answer with the log's other entries of that time and with time-stamps."
        ) from contradiction


def _require_receipt(package: Package, deposit: Entry) -> None:
    """Raise Refused unless the receipt, whoever signed it, is one for this deposit."""
    lines = parse_note(package.content(RECEIPT)).text.split("\n")
    if len(lines) != 3 or lines[0] != _RECEIPT_HEADER or lines[2]:
        raise Malformed("The receipt has not the form of one.")
    stated = read_json(lines[1].encode())
    expected = {
        "entry": encode_base64(deposit.data),
        "index": deposit.index,
        "record": deposit.record,
        "sha256": deposit.values["sha256"],
        "sha512": deposit.values["sha512"],
    }
    if set(stated) != expected.keys() | _RECEIPT_SAYS_MORE:
        raise Malformed("The receipt does not say what a receipt says.")
    for name, value in expected.items():
        if stated[name] != value:
            raise Refused(f"The receipt was given for another deposit: its {name} differs.")
