"""What every evidence package encloses, of a record or of a disposal: entries with proofs, and whom the archive trusts.

Not a step itself; the steps that give packages call it.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from archive_service.errors import Misconfigured, Unavailable
from archive_service.evidence.package import EntryParts, Source, TrustParts
from archive_service.lifecycle.log.inclusion import inclusion_proof
from archive_service.model.archive import Archive
from archive_service.model.events import SealedEntry
from archive_service.model.units import RegisterUnit
from archive_service.model.units.log import SignedCheckpoint


def entry_parts(unit: RegisterUnit, sealed: SealedEntry, checkpoint: SignedCheckpoint) -> EntryParts:
    """Return an entry with what it commits to, and the proof that it is in the checkpoint's tree."""
    proof = inclusion_proof(unit, sealed.index, checkpoint)
    return EntryParts(sealed.index, sealed.entry, sealed.payload or b"", sealed.salt or b"", proof)


def trust_parts(archive: Archive, unit: RegisterUnit) -> TrustParts:
    """Return whom the archive believes in: what lies under ``trust/`` is for comparison only."""
    return TrustParts(
        log_keys=_log_keys(archive, unit),
        tsa_roots=[root for authority in archive.authorities for root in authority.roots],
        agency_roots=archive.agency_roots,
    )


def seal_roots(archive: Archive) -> tuple[bytes, ...]:
    """Return the root of the seal's key. A key that is out of reach now keeps no package from being given."""
    if archive.sealer is not None:
        with suppress(Misconfigured, Unavailable):
            return archive.sealer.anchors()
    return ()


def opened(path: Path) -> Source:
    """Return the file as a part that is read when the package is written."""
    return partial(_open, path)


def _open(path: Path) -> BinaryIO:
    return path.open("rb")


def _log_keys(archive: Archive, unit: RegisterUnit) -> list[str]:
    """Return every key that signs the log or has signed it, each once, oldest first."""
    known = [key.verifier_key for key in unit.tree.all_keys()]
    return list(dict.fromkeys([*known, *(key.text for key in archive.signer.verifier_keys)]))
