"""Seals a file that the sandbox has prepared: PAdES baseline B-T with the agency's key.

The file is the work of a process that read a hostile original, so it is never parsed here: the room for the seal is
found as bytes, of which there must be exactly one run, and everything else is only hashed and copied. The key never
leaves this process (or its device), and never enters the sandbox.
PAdES: ETSI EN 319 142-1 §6 (B-T), byte range and contents: ISO 32000-1 §12.8.1.
"""

from __future__ import annotations

import asyncio
import hashlib
import mmap
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from asn1crypto import cms
from asn1crypto.parser import peek
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from archive_service.errors import unavailable
from archive_service.pdf.seal_key import SEAL_KEY, SealKey
from archive_verify.errors import Refused, Undecided
from archive_verify.timestamp import read_token, require_stamped

# A B-T seal with an RSA-4096 chain and a time-stamp takes up to 10 KB; what is not needed is filled with zeros.
RESERVED_BYTES = 12_288
_BLOCK_BYTES = 1024 * 1024

_ROOM = b"<" + b"0" * (2 * RESERVED_BYTES) + b">"
# As the sandbox writes it (pdf.seal_field): three numbers of ten digits to be replaced.
_UNKNOWN_RANGE = b"/ByteRange [ 0 9999999999 9999999999 9999999999 ]"
_RANGE = re.compile(rb"/ByteRange \[ 0 (\d{1,10}) {0,10}(\d{1,10}) {0,10}(\d{1,10}) {0,10}\]")


class BadRoom(Exception):
    """The file has not exactly one room for a seal: it is not what an honest sandbox makes."""


class Stamp(Protocol):
    """A time-stamp token."""

    @property
    def der(self) -> bytes:
        """The token as DER of its ContentInfo (RFC 3161 §2.4.2)."""
        ...


class TimeAuthority(Protocol):
    """Whoever vouches for the time of a seal."""

    def stamp(self, imprint: bytes, algorithm: str) -> Stamp:
        """Return a new token over the digest, made with the algorithm of that name. Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class _Room:
    """Where the seal and its byte range go in a file of that size."""

    range_at: int
    seal_at: int
    size: int

    @property
    def byte_range(self) -> bytes:
        after = self.seal_at + len(_ROOM)
        numbers = f"/ByteRange [ 0 {self.seal_at:<10} {after:<10} {self.size - after:<10} ]"
        return numbers.encode()


def seal(unsealed: Path, key: SealKey, authority: TimeAuthority, write: Callable[[bytes], object]) -> None:
    """Write the file's bytes with a seal in its room.

    Raises BadRoom; Unavailable when the key's device or the authority does not answer: try again.
    """
    with unsealed.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        room = _find_room(data)
        digest = hashlib.sha256()
        for block in _sealed_parts(data, room, b""):
            digest.update(block)
        signature = _signature(key, authority, digest.digest())
        if len(signature) > RESERVED_BYTES:
            raise BadRoom
        for block in _sealed_parts(data, room, b"<" + signature.hex().ljust(2 * RESERVED_BYTES, "0").encode() + b">"):
            write(block)


def _find_room(data: mmap.mmap) -> _Room:
    range_at, seal_at = data.find(_UNKNOWN_RANGE), data.find(_ROOM)
    alone = data.find(_UNKNOWN_RANGE, range_at + 1) < 0 and data.find(_ROOM, seal_at + 1) < 0
    if range_at < 0 or seal_at < 0 or not alone:
        raise BadRoom
    return _Room(range_at, seal_at, len(data))


def _sealed_parts(data: mmap.mmap, room: _Room, contents: bytes) -> Iterator[bytes]:
    """Yield the file in blocks with its byte range, and the contents in the seal's room; either may come first."""
    changes = sorted(((room.range_at, len(_UNKNOWN_RANGE), room.byte_range), (room.seal_at, len(_ROOM), contents)))
    at = 0
    for start, length, instead in changes:
        yield from _blocks(data, at, start)
        yield instead
        at = start + length
    yield from _blocks(data, at, room.size)


def _blocks(data: mmap.mmap, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, _BLOCK_BYTES):
        yield data[at : min(end, at + _BLOCK_BYTES)]


def _signature(key: SealKey, authority: TimeAuthority, digest: bytes) -> bytes:
    """Return the seal: a CMS signature over the digest with a time-stamp over it."""
    from pkcs11 import PKCS11Error
    from pyhanko.sign.general import SigningError
    from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes

    async def sign() -> bytes:
        made = await key.signer.async_sign(
            digest,
            "sha256",
            use_pades=True,
            timestamper=_stamper(authority),
            signed_attr_settings=PdfCMSSignedAttributes(),
        )
        return bytes(made.dump())

    try:
        with key.guard:
            return asyncio.run(sign())
    except (SigningError, PKCS11Error, OSError) as failure:
        raise unavailable(SEAL_KEY) from failure


def _stamper(authority: TimeAuthority) -> Any:
    from pyhanko.sign.timestamps import TimeStamper

    class Stamper(TimeStamper):
        async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
            token = await asyncio.to_thread(authority.stamp, message_digest, md_algorithm)
            return cms.ContentInfo.load(token.der)

    return Stamper()  # type: ignore[no-untyped-call]  # pyHanko types this class in part


def is_sealed_with(path: Path, key: SealKey) -> bool:
    """Whether the whole file is under a seal of the key: made by it, and not changed since.

    It compares bytes and checks one signature; of the PDF it reads nothing.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found = _RANGE.findall(data)
        if len(found) != 1:
            return False
        seal_at, after, rest = (int(number) for number in found[0])
        if after - seal_at != len(_ROOM) or after + rest != len(data):
            return False
        digest = hashlib.sha256()
        for block in (*_blocks(data, 0, seal_at), *_blocks(data, after, len(data))):
            digest.update(block)
        return _signs(data[seal_at:after], digest.digest(), key)


def _signs(contents: bytes, digest: bytes, key: SealKey) -> bool:
    """Whether the contents are a seal by the key's certificate over exactly that digest, time-stamped, and no more."""
    try:
        held = bytes.fromhex(contents[1:-1].decode("ascii"))
        length = peek(held)
        signed = cms.ContentInfo.load(held[:length])["content"]
        (signer,) = signed["signer_infos"]
        (stated,) = _attribute(signer["signed_attrs"], "message_digest").native
        (stamp,) = _attribute(signer["unsigned_attrs"], "signature_time_stamp_token")
        signature = signer["signature"].native
        text = signer["signed_attrs"].untag().dump()
        _require_signature(key, signature, text, signer["signature_algorithm"].signature_algo)
        require_stamped(read_token(stamp.dump()), hashlib.sha256(signature).digest())
        own = key.certificate.public_bytes(serialization.Encoding.DER)
        named = own in [one.chosen.dump() for one in signed["certificates"]]
    except (ValueError, KeyError, TypeError, AttributeError, InvalidSignature, Refused, Undecided):
        return False
    return bool(stated == digest and named and not any(held[length:]))


def _attribute(attributes: cms.CMSAttributes, name: str) -> Any:
    """Return the values of the one attribute of that name. Raises ValueError."""
    (values,) = [one["values"] for one in attributes if one["type"].native == name]
    return values


def _require_signature(key: SealKey, signature: bytes, text: bytes, algorithm: str) -> None:
    """Raise InvalidSignature unless the certificate's key signed the text; ValueError for a key of another kind."""
    public = key.certificate.public_key()
    if isinstance(public, rsa.RSAPublicKey) and algorithm == "rsassa_pkcs1v15":
        public.verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
    elif isinstance(public, ec.EllipticCurvePublicKey) and algorithm == "ecdsa":
        public.verify(signature, text, ec.ECDSA(hashes.SHA256()))
    else:
        raise ValueError("a seal is made with RSA (PKCS #1 v1.5) or ECDSA")
