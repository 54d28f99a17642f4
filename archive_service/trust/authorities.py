"""The authorities that a setting names: ``name=url`` each, ``local`` for the test authority, or ``none``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import urllib3
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from archive_service.errors import Message, Misconfigured
from archive_service.model.ports import Clock, Randomness, TimestampAuthority
from archive_service.trust.local_authority import LOCAL_NAME, LocalAuthority

# Also the name of files: one evidence record and one file of roots an authority.
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

NONE = "none"


@dataclass(frozen=True, slots=True)
class AuthoritySettings:
    """What an operator sets: the list, the folder with NAME.pem for each, the test authority's folder, seconds."""

    named: str
    roots_dir: Path | None
    local_folder: Path
    timeout_seconds: float


def open_authorities(
    settings: AuthoritySettings, clock: Clock, randomness: Randomness
) -> tuple[TimestampAuthority, ...]:
    """Return the authorities in their order; without any named, the local test authority. Raises Misconfigured."""
    words = [word.strip() for word in settings.named.split(",") if word.strip()] or [LOCAL_NAME]
    if words == [NONE]:
        return ()
    opened = tuple(_open(word, settings, clock, randomness) for word in words)
    if len({one.name for one in opened}) != len(opened):
        raise _wrong("a name stands there twice", "có tên bị lặp lại")
    return opened


def _open(word: str, settings: AuthoritySettings, clock: Clock, randomness: Randomness) -> TimestampAuthority:
    if word == LOCAL_NAME:
        return LocalAuthority(settings.local_folder, clock, randomness)
    name, _, url = word.partition("=")
    if not _NAME.fullmatch(name) or name in {LOCAL_NAME, NONE} or not re.match(r"https?://[^/]", url):
        raise _wrong(
            "each is NAME=URL, NAME of small letters, digits and hyphens, URL of http or https",
            "mỗi mục có dạng TÊN=URL, TÊN gồm chữ thường, chữ số và gạch nối, URL là http hoặc https",
        )
    try:
        parsed = urllib3.util.parse_url(url)
    except urllib3.exceptions.LocationParseError as wrong:
        raise _wrong(f"the URL of {name} cannot be read", f"không đọc được URL của {name}") from wrong
    # Loaded only where it is used: what speaks HTTP takes 3 MB.
    from archive_service.trust.timestamp_authority import HttpTimestampAuthority

    return HttpTimestampAuthority(
        name=name,
        url=parsed._replace(auth=None).url,
        roots=_roots(name, settings.roots_dir),
        clock=clock,
        randomness=randomness,
        timeout_seconds=settings.timeout_seconds,
        credentials=parsed.auth,
    )


def _roots(name: str, folder: Path | None) -> Sequence[bytes]:
    """Return the certificates of NAME.pem as DER."""
    try:
        if folder is None:
            raise OSError("the setting is missing")
        kept = (folder / f"{name}.pem").read_bytes()
        return tuple(one.public_bytes(Encoding.DER) for one in x509.load_pem_x509_certificates(kept))
    except (OSError, ValueError) as wrong:
        raise Misconfigured(
            Message(
                f"ARCHIVE_TIMESTAMP_ROOTS_DIR must hold {name}.pem, the root certificates that the time-stamps of "
                f"{name} must lead to ({wrong}).",
                f"ARCHIVE_TIMESTAMP_ROOTS_DIR phải chứa {name}.pem, các chứng thư gốc mà dấu thời gian của {name} "
                f"phải dẫn về ({wrong}).",
            )
        ) from wrong


def _wrong(en: str, vi: str) -> Misconfigured:
    return Misconfigured(
        Message(f"ARCHIVE_TIMESTAMP_AUTHORITIES is wrong: {en}.", f"ARCHIVE_TIMESTAMP_AUTHORITIES không hợp lệ: {vi}.")
    )
