"""Making an evidence package: the same parts always give the same bytes, and any length of original is streamed.

The form is that of ``archive_verify.package`` and ``archive_verify.bag``. Everything is read twice: once for its
digests, which headers and manifests state first, and once to be written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import BinaryIO

from asn1crypto import tsp

from archive_service.errors import IntegrityFailure, InvalidInput, Message
from archive_service.evidence.disposal_readme import disposal_readme
from archive_service.evidence.readme import StampByHand, readme
from archive_service.model.identifiers import RecordId
from archive_verify import contents
from archive_verify.bag import tag_files
from archive_verify.errors import Refused, Undecided
from archive_verify.evidence_record import read_evidence_record
from archive_verify.package import (
    MAX_MEMBERS,
    MAX_PACKAGE_BYTES,
    NAME,
    Digests,
    Member,
    digests_of,
    directory,
    local_header,
)

# A part: its bytes, or what opens it for reading from the start. It is opened twice.
Source = bytes | Callable[[], BinaryIO]

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class EntryParts:
    """An event: its index in the log, the exact entry, payload and salt, and the log's proof."""

    index: int
    entry: bytes
    payload: bytes
    salt: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class MetadataParts:
    """A version of the metadata: its canonical JSON and the salt of its commitment."""

    version: int
    metadata: bytes
    salt: bytes


@dataclass(frozen=True, slots=True)
class TrustParts:
    """What the archive believes should be trusted, for comparison with the auditor's own. Certificates are DER."""

    log_keys: Sequence[str]
    tsa_roots: Sequence[bytes] = ()
    agency_roots: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class PackageParts:
    """Everything that goes into a package. ``evidence`` maps authorities' names to evidence records; all else is DER.

    The first of ``entries`` is the deposit. Every proof is for ``checkpoint``, which is a signed note, as the receipt.
    """

    record_id: RecordId
    original: Source
    entries: Sequence[EntryParts]
    metadata: Sequence[MetadataParts]
    receipt: bytes
    checkpoint: bytes
    trust: TrustParts
    evidence: Mapping[str, bytes] = field(default_factory=dict)
    certificates: Sequence[bytes] = ()
    revocation_lists: Sequence[bytes] = ()
    ocsp_answers: Sequence[bytes] = ()
    signature_report: bytes | None = None
    sealed_rendition: Source | None = None
    with_checker: bool = True


@dataclass(frozen=True, slots=True)
class DisposalParts:
    """Everything that goes into the package of a disposal: as ``PackageParts``, with what a disposal has instead.

    The first of ``entries``, which are in the order of the log, is the proposal, the last one that of certifying. The
    evidence records are over certificate, paper and that entry. ``paper`` is the sealed PDF, None where none was made.
    """

    disposal_id: str
    certificate: Source
    paper: Source | None
    entries: Sequence[EntryParts]
    checkpoint: bytes
    trust: TrustParts
    evidence: Mapping[str, bytes] = field(default_factory=dict)
    certificates: Sequence[bytes] = ()
    revocation_lists: Sequence[bytes] = ()
    ocsp_answers: Sequence[bytes] = ()
    with_checker: bool = True


class EvidencePackage:
    """A package ready to be written: its length is known before its first byte."""

    def __init__(self, folder: str, sources: Mapping[str, Source]) -> None:
        """Lay out the payload ``sources``, named from ``data/`` on, as a bag in ``folder``.

        Raises InvalidInput for what would be too large, or a name that the form does not permit.
        """
        digests = {name: digests_of(_blocks(source)) for name, source in sources.items()}
        tags = tag_files(folder, digests)
        self._sources: dict[str, Source] = {f"{folder}/{name}": part for name, part in {**sources, **tags}.items()}
        digests |= {name: digests_of([tag]) for name, tag in tags.items()}
        self._members: list[Member] = []
        at = 0
        for name in sorted(self._sources):
            member = self._member(name, digests[name.removeprefix(f"{folder}/")], at)
            self._members.append(member)
            at = member.offset + member.digests.size_bytes
        self._directory = directory(self._members) if at <= MAX_PACKAGE_BYTES else b""
        self.size_bytes = at + len(self._directory)
        if self.size_bytes > MAX_PACKAGE_BYTES or len(self._members) > MAX_MEMBERS:
            raise _too_large()

    @staticmethod
    def _member(name: str, digests: Digests, at: int) -> Member:
        if not NAME.fullmatch(name):
            raise InvalidInput(
                Message(
                    f"A part of the evidence package cannot be named {name!r}. Use letters, digits, - and _ in names.",
                    f"Không thể đặt tên {name!r} trong gói chứng cứ. Chỉ dùng chữ cái, chữ số, - và _ trong tên.",
                )
            )
        if digests.size_bytes > MAX_PACKAGE_BYTES:
            raise _too_large()
        return Member(name, digests, at + len(local_header(name, digests)))

    def blocks(self) -> Iterator[bytes]:
        """Yield the package's bytes. Raises IntegrityFailure when a part has changed since it was laid out."""
        for member in self._members:
            yield local_header(member.name, member.digests)
            state = hashlib.sha256()
            for block in _blocks(self._sources[member.name]):
                state.update(block)
                yield block
            if state.hexdigest() != member.digests.sha256:
                raise _changed(member.name)
        yield self._directory


def lay_out(parts: PackageParts) -> EvidencePackage:
    """Return the package of these parts, ready to be written. Raises InvalidInput for one beyond 4 GiB."""
    payload = _shared(parts) | {contents.ORIGINAL: parts.original, contents.RECEIPT: parts.receipt}
    for version in parts.metadata:
        payload[f"data/metadata/{version.version}.json"] = version.metadata
        payload[f"data/metadata/{version.version}.salt"] = version.salt
    if parts.signature_report is not None:
        payload[contents.SIGNATURE_REPORT] = parts.signature_report
    if parts.sealed_rendition is not None:
        payload[contents.SEALED] = parts.sealed_rendition
    payload[contents.README] = readme(parts.record_id, parts.entries[0].index, _by_hand(parts.evidence))
    return EvidencePackage(parts.record_id, payload)


def lay_out_disposal(parts: DisposalParts) -> EvidencePackage:
    """Return the package of a disposal, ready to be written. Raises InvalidInput for one beyond 4 GiB or 65,535 files.

    Every record that was disposed of takes four files, so that one package tells of 16,000 records at most.
    """
    payload = _shared(parts) | {contents.CERTIFICATE: parts.certificate}
    if parts.paper is not None:
        payload[contents.PAPER] = parts.paper
    payload[contents.README] = disposal_readme(
        parts.disposal_id,
        parts.entries[0].index,
        parts.entries[-1].index,
        _by_hand(parts.evidence),
        has_paper=parts.paper is not None,
    )
    return EvidencePackage(parts.disposal_id, payload)


def _shared(parts: PackageParts | DisposalParts) -> dict[str, Source]:
    """Return what a package of either kind holds, by name."""
    payload: dict[str, Source] = {
        contents.CHECKPOINT: parts.checkpoint,
        contents.LOG_KEYS: "".join(f"{key}\n" for key in parts.trust.log_keys).encode("ascii"),
    }
    for event in parts.entries:
        for suffix in ("entry", "payload", "salt", "proof"):
            payload[f"data/entries/{event.index}.{suffix}"] = getattr(event, suffix)
    for authority, record in parts.evidence.items():
        payload[f"data/evidence/{authority}.ers"] = record
        for number, stamp in enumerate(_stamps(authority, record), start=1):
            payload[f"data/tokens/{authority}-{number}.tst"] = stamp["time_stamp"].dump()
    payload |= _by_digest("data/certificates", "cer", parts.certificates)
    payload |= _by_digest("data/revocation", "crl", parts.revocation_lists)
    payload |= _by_digest("data/revocation", "ocsp", parts.ocsp_answers)
    payload |= _by_digest("data/trust/tsa", "cer", parts.trust.tsa_roots)
    payload |= _by_digest("data/trust/agency", "cer", parts.trust.agency_roots)
    return payload | (_checker() if parts.with_checker else {})


def _by_digest(folder: str, suffix: str, values: Sequence[bytes]) -> dict[str, Source]:
    """Return values under names that follow from them, so that their order changes nothing."""
    return {f"{folder}/{hashlib.sha256(value).hexdigest()[:16]}.{suffix}": value for value in values}


def _checker() -> dict[str, Source]:
    """Return the checker's own sources, for an auditor who has nothing else to compare his own copy with."""
    return {
        f"data/checker/archive_verify/{file.name}": file.read_bytes()
        for file in resources.files("archive_verify").iterdir()
        if file.is_file() and file.name.rpartition(".")[2] in {"py", "toml", "md", "typed"}
    }


def _stamps(authority: str, record: bytes) -> list[tsp.ArchiveTimeStamp]:
    """Return the time-stamps of an evidence record, oldest first. Raises IntegrityFailure for what is none."""
    try:
        chains = read_evidence_record(record)["archive_time_stamp_sequence"]
    except (Refused, Undecided) as wrong:
        raise _unreadable(authority) from wrong
    return [stamp for chain in chains for stamp in chain]


def _by_hand(evidence: Mapping[str, bytes]) -> list[StampByHand]:
    """Return what the README needs to lead from the documents to each authority's first token."""
    led = []
    for authority, record in sorted(evidence.items()):
        first = _stamps(authority, record)[0]
        lists = [[one.native.hex() for one in part] for part in first["reduced_hashtree"] or ()]
        stated = tsp.TSTInfo.load(bytes(first["time_stamp"]["content"]["encap_content_info"]["content"]))
        led.append(StampByHand(authority, lists[1:], int(stated["gen_time"].native.timestamp())))
    return led


def _blocks(source: Source) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source() as opened:
        while block := opened.read(_BLOCK_BYTES):
            yield block


def _too_large() -> InvalidInput:
    return InvalidInput(
        Message(
            "The evidence package would be larger than 4 GiB or hold more than 65,535 files. Export the parts singly.",
            "Gói chứng cứ sẽ vượt 4 GiB hoặc có hơn 65.535 tệp. Hãy xuất riêng từng phần.",
        )
    )


def _changed(name: str) -> IntegrityFailure:
    return IntegrityFailure(
        Message(
            f"{name} changed while the evidence package was written. Throw the package away and export again; if it "
            "happens again, run the audit.",
            f"{name} đã thay đổi khi đang ghi gói chứng cứ. Hãy bỏ gói và xuất lại; nếu lặp lại, hãy chạy kiểm tra.",
        ),
        code="evidence-part-changed",
    )


def _unreadable(authority: str) -> IntegrityFailure:
    return IntegrityFailure(
        Message(
            f"The evidence record of {authority} cannot be read. Run the audit; or leave it out.",
            f"Không đọc được bản ghi chứng cứ của {authority}. Hãy chạy kiểm tra; hoặc bỏ nó ra.",
        ),
        code="evidence-record-unreadable",
    )
