"""A witness: sees that a log only ever grows, remembers what it saw, and says so with a signature of its own.

Run by an auditor, as often as he likes: ``archive-witness cosign …``. It fetches the checkpoint and
the proof that it extends the one seen last, and nothing else. What it saw is written down before the signature goes
out, so that it never signs two histories of one log (C2SP tlog-cosignature, tlog-witness). A checkpoint that
contradicts the one seen last is kept beside the state file: it is the proof that the log was forked or rolled back.
"""

from __future__ import annotations

import argparse
import fcntl
import ipaddress
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from archive_verify.checkpoint import Checkpoint, parse_checkpoint
from archive_verify.consistency import Consistency, parse_consistency, require_extends
from archive_verify.encoding import encode_base64
from archive_verify.errors import Malformed, Refused, Undecided
from archive_verify.notes import (
    MAX_NOTE_BYTES,
    Note,
    NoteSignature,
    SignatureType,
    VerifierKey,
    parse_note,
    signed_message,
    signers,
)
from archive_verify.trust import read_keys

DONE, REFUSED, UNDECIDED, USAGE = 0, 1, 2, 64

_TIMEOUT_SECONDS = 30

# Asks the archive: method, path after /api/v1, body; returns the answer's bytes.
Ask = Callable[[str, str, bytes | None], bytes]


@dataclass(frozen=True)
class Witness:
    """A witness's name and key, the keys of the log that it trusts, and the file of what it saw last."""

    name: str
    key: Ed25519PrivateKey
    log_keys: tuple[VerifierKey, ...]
    state: Path

    @property
    def verifier_key(self) -> VerifierKey:
        """The key that others check its cosignatures with."""
        return VerifierKey(self.name, SignatureType.COSIGNATURE_ED25519, self.key.public_key().public_bytes_raw())


def cosign(witness: Witness, ask: Ask, now: float) -> Checkpoint:
    """See the log's newest checkpoint, sign it, and hand the signature in; return the checkpoint.

    ``now`` is the time in seconds of POSIX. Raises Refused when the log does not extend what was seen before: that
    checkpoint is kept as evidence and nothing is signed. Raises Undecided when the archive does not answer.
    """
    with _alone(witness.state):
        seen = _remembered(witness.state)
        note = parse_note(ask("GET", "/log/checkpoint", None))
        checkpoint = parse_checkpoint(note.text)
        if not any(key.name == checkpoint.origin for key in signers(note, witness.log_keys)):
            raise Refused(f"The checkpoint of {checkpoint.origin!r} is not signed by a log key that was given.")
        try:
            _require_extends(seen, checkpoint, ask)
        except Refused:
            _keep(witness.state.with_name(f"{witness.state.name}.refused-{checkpoint.size}"), note.data)
            raise
        _remember(witness.state, checkpoint)
        seconds = int(now)
        message = signed_message(note.text, SignatureType.COSIGNATURE_ED25519, witness.name, seconds)
        signature = seconds.to_bytes(8) + witness.key.sign(message)
        line = NoteSignature(witness.name, witness.verifier_key.id, signature)
        ask("POST", "/log/cosignatures", Note(note.text, (line,)).data)
    return checkpoint


def _require_extends(seen: Checkpoint | None, checkpoint: Checkpoint, ask: Ask) -> None:
    if seen is None:
        return
    if checkpoint.origin != seen.origin:
        raise Refused(f"The log is called {checkpoint.origin!r}, the one seen before {seen.origin!r}.")
    if checkpoint.size < seen.size:
        raise Refused(f"The log was rolled back: it has {checkpoint.size} entries, {seen.size} were seen before.")
    proofs: list[Consistency] = []
    if 0 < seen.size < checkpoint.size:
        proofs = [parse_consistency(ask("GET", f"/log/consistency?from={seen.size}&to={checkpoint.size}", None))]
    require_extends(seen, checkpoint, proofs)


def _remembered(state: Path) -> Checkpoint | None:
    if not state.exists():
        return None
    try:
        return parse_checkpoint(state.read_text(encoding="utf-8"))
    except (OSError, ValueError, Malformed) as wrong:
        # Beginning anew would forget what was seen: a rolled-back log would be signed.
        raise Undecided(f"What was seen before cannot be read from {state}. Look at it; do not remove it.") from wrong


def _remember(state: Path, checkpoint: Checkpoint) -> None:
    """Write down what was seen, durably, before anything is signed."""
    new = state.with_name(f"{state.name}.new")
    _keep(new, checkpoint.text.encode())
    new.replace(state)
    folder = os.open(state.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _keep(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Let no other run of this witness see or sign meanwhile."""
    with state.with_name(f"{state.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def asker(url: str, api_key: str) -> Ask:
    """Return what asks the archive at that address (https://HOST) by HTTP. It raises Undecided.

    Raises ValueError for an address to which the API key would go in the clear. No redirection is followed: it would
    carry the key to wherever the answer says.
    """
    _require_confidential(url)
    opener = urllib.request.build_opener(_NoRedirection)

    def ask(method: str, path: str, body: bytes | None) -> bytes:
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        request = urllib.request.Request(  # noqa: S310  # the scheme was looked at above
            f"{url.rstrip('/')}/api/v1{path}", body, headers, method=method
        )
        try:
            with opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
                found: bytes = answer.read(MAX_NOTE_BYTES + 1)
        except (urllib.error.URLError, OSError, ValueError) as wrong:
            raise Undecided(f"The archive did not answer {method} {path} as it should: {wrong}") from wrong
        return found

    return ask


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    """Makes of every redirection the error that an answer of that status is."""

    def redirect_request(self, *_: object) -> None:
        """Follow none."""


def _require_confidential(url: str) -> None:
    """Raise ValueError unless the address is https, or http on this very machine."""
    address = urllib.parse.urlsplit(url)
    if address.scheme == "https" and address.hostname:
        return
    if address.scheme != "http" or not _is_loopback(address.hostname or ""):
        raise ValueError("an address begins with https://; http:// is for this machine alone, such as http://127.0.0.1")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def make_key(path: Path) -> Ed25519PrivateKey:
    """Make a witness's key file, for its owner alone; one that is there is never overwritten (FileExistsError)."""
    key = Ed25519PrivateKey.generate()
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.flush()
        os.fsync(file.fileno())
    return key


def load_key(path: Path) -> Ed25519PrivateKey:
    """Return the key of a file that ``make_key`` made. Raises ValueError, OSError."""
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("not an Ed25519 key")
    return key


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="archive-witness", description="See that an archive's log only ever grows, and sign that.")
    commands = parser.add_subparsers(dest="command", required=True)
    key = commands.add_parser("key", help="make the witness's key file and print its verifier key")
    run = commands.add_parser("cosign", help="check the newest checkpoint, sign it, hand the signature in")
    for one in (key, run):
        one.add_argument("--name", required=True, help="the witness's name, like a URL without scheme")
        one.add_argument("--key", required=True, type=Path, help="file of the witness's private key")
    run.add_argument("--url", required=True, help="address of the archive, https://HOST")
    run.add_argument("--log-key", required=True, type=Path, help="file of the log's verifier keys, one a line")
    run.add_argument("--state", required=True, type=Path, help="file of what this witness saw last")
    run.epilog = "The archive's API key of an auditor is read from the environment variable ARCHIVE_API_KEY."
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 signed, 1 refused, 2 could not tell, 64 wrong usage."""
    asked = _parser().parse_args(arguments)
    try:
        if asked.command == "key":
            witness = Witness(asked.name, make_key(asked.key), (), Path())
            sys.stdout.write(f"{witness.verifier_key.text}\n")
            return DONE
        witness = Witness(asked.name, load_key(asked.key), read_keys(asked.log_key), asked.state)
        ask = asker(asked.url, os.environ.get("ARCHIVE_API_KEY", ""))
    except (OSError, ValueError, Malformed) as wrong:
        sys.stderr.write(f"{wrong}\n")
        return USAGE
    try:
        checkpoint = cosign(witness, ask, time.time())
    except Refused as refusal:
        sys.stderr.write(f"REFUSED: {refusal}\n")
        return REFUSED
    except (Undecided, OSError) as unknown:
        sys.stderr.write(f"UNKNOWN: {unknown}\n")
        return UNDECIDED
    root = encode_base64(checkpoint.root)
    sys.stdout.write(f"{checkpoint.origin}: {checkpoint.size} entries, root {root}: seen and signed.\n")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
