"""A witness signs a log that only grows, never two histories of it, and forgets nothing."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from archive_verify.checkpoint import Checkpoint
from archive_verify.encoding import encode_base64
from archive_verify.errors import Refused, Undecided
from archive_verify.merkle import leaf_hash
from archive_verify.notes import Note, NoteSignature, parse_note, signed_message, signers
from archive_verify.witness import REFUSED, UNDECIDED, USAGE, Witness, asker, cosign, main
from tests.archive_verify.test_merkle import consistency, root
from tests.archive_verify.test_notes import ED25519, LOG_KEY, ORIGIN

NOW = 1_795_680_000.5


class Log:
    """A log that a test may fork and roll back; answers as the archive does."""

    def __init__(self) -> None:
        self.leaves = [leaf_hash(bytes([number])) for number in range(5)]
        self.received: list[Note] = []

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(ORIGIN, len(self.leaves), root(self.leaves))

    def ask(self, method: str, path: str, body: bytes | None) -> bytes:
        if method == "POST":
            self.received.append(parse_note(body or b""))
            return b"{}"
        if path == "/log/checkpoint":
            text = self.checkpoint().text
            message = signed_message(text, LOG_KEY.type, ORIGIN, 0)
            return Note(text, (NoteSignature(ORIGIN, LOG_KEY.id, ED25519.sign(message)),)).data
        earlier, later = (int(part.partition("=")[2]) for part in path.partition("?")[2].split("&"))
        proof = [encode_base64(one) for one in consistency(earlier, self.leaves)]
        return json.dumps({"from": earlier, "to": later, "proof": proof}).encode()


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness("witness.example/w1", Ed25519PrivateKey.generate(), (LOG_KEY,), tmp_path / "seen")


def test_a_log_that_grows_is_signed_each_time(log: Log, witness: Witness) -> None:
    for count in (0, 0, 1, 7, 300):
        log.leaves += [leaf_hash(b"more")] * count
        assert cosign(witness, log.ask, NOW) == log.checkpoint()
        note = log.received.pop()
        assert note.text == log.checkpoint().text
        assert signers(note, [witness.verifier_key]) == (witness.verifier_key,)
    assert witness.state.read_text() == log.checkpoint().text


def test_a_log_rolled_back_is_refused_and_the_checkpoint_kept_as_evidence(log: Log, witness: Witness) -> None:
    cosign(witness, log.ask, NOW)
    seen = witness.state.read_text()
    log.received.clear()
    del log.leaves[3:]
    with pytest.raises(Refused, match="rolled back"):
        cosign(witness, log.ask, NOW)
    assert log.received == []
    assert witness.state.read_text() == seen
    kept = parse_note(witness.state.with_name("seen.refused-3").read_bytes())
    assert signers(kept, [LOG_KEY]) == (LOG_KEY,)


@pytest.mark.parametrize("more", [0, 10])
def test_a_forked_log_is_refused(log: Log, witness: Witness, more: int) -> None:
    cosign(witness, log.ask, NOW)
    log.received.clear()
    log.leaves[2] = leaf_hash(b"rewritten")
    log.leaves += [leaf_hash(b"more")] * more
    with pytest.raises(Refused):
        cosign(witness, log.ask, NOW)
    assert log.received == []


def test_a_checkpoint_that_the_log_did_not_sign_is_refused(log: Log, witness: Witness, tmp_path: Path) -> None:
    stranger = Witness(witness.name, witness.key, (witness.verifier_key,), tmp_path / "other")
    with pytest.raises(Refused, match="not signed by a log key"):
        cosign(stranger, log.ask, NOW)
    assert log.received == []


def test_a_log_of_another_name_is_refused(log: Log, witness: Witness) -> None:
    witness.state.write_text(Checkpoint("other.example/log", 1, bytes(32)).text)
    with pytest.raises(Refused, match="is called"):
        cosign(witness, log.ask, NOW)


def test_a_state_that_cannot_be_read_is_never_taken_for_none(log: Log, witness: Witness) -> None:
    witness.state.write_text("damaged")
    with pytest.raises(Undecided, match="do not remove"):
        cosign(witness, log.ask, NOW)
    assert log.received == []


def test_an_unreadable_proof_is_refused(log: Log, witness: Witness) -> None:
    cosign(witness, log.ask, NOW)
    log.leaves.append(leaf_hash(b"more"))
    for answer in (b"", b"[]", b'{"proof": 1}', b'{"proof": ["x"]}', b'{"proof": []}'):

        def ask(method: str, path: str, body: bytes | None, answer: bytes = answer) -> bytes:
            return answer if "consistency" in path else log.ask(method, path, body)

        with pytest.raises(Refused):
            cosign(witness, ask, NOW)


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url(log: Log) -> Iterator[str]:
    """Serve the log by HTTP."""

    def application(environ: dict[str, object], start: object) -> list[bytes]:
        body = environ["wsgi.input"].read(int(str(environ.get("CONTENT_LENGTH") or 0)))  # type: ignore[attr-defined]
        query = environ.get("QUERY_STRING")
        path = str(environ["PATH_INFO"]).removeprefix("/api/v1") + (f"?{query}" if query else "")
        if path == "/elsewhere":
            start("307 Temporary Redirect", [("Location", "/api/v1/log/checkpoint")])  # type: ignore[operator]
            return [b""]
        allowed = environ.get("HTTP_AUTHORIZATION") == "Bearer secret"
        start("200 OK" if allowed else "401 Unauthorized", [])  # type: ignore[operator]
        return [log.ask(str(environ["REQUEST_METHOD"]), path, body)] if allowed else [b""]

    server = make_server("127.0.0.1", 0, application, handler_class=_Quiet)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_auditor_runs_it_from_the_command_line(
    log: Log, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, key = ["--name", "witness.example/w1"], ["--key", str(tmp_path / "key.pem")]
    assert main(["key", *name, *key]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("witness.example/w1+")
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    assert main(["key", *name, *key]) == USAGE
    (tmp_path / "log.vkey").write_text(f"# the archive's\n{LOG_KEY.text}\n")
    run = ["cosign", *name, *key, "--url", url, "--log-key", str(tmp_path / "log.vkey"), "--state"]
    monkeypatch.delenv("ARCHIVE_API_KEY", raising=False)
    assert main([*run, str(tmp_path / "seen")]) == UNDECIDED
    monkeypatch.setenv("ARCHIVE_API_KEY", "secret")
    assert main([*run, str(tmp_path / "seen")]) == 0
    log.leaves.append(leaf_hash(b"more"))
    assert main([*run, str(tmp_path / "seen")]) == 0
    assert [signature.name for note in log.received for signature in note.signatures] == ["witness.example/w1"] * 2
    del log.leaves[2:]
    assert main([*run, str(tmp_path / "seen")]) == REFUSED
    assert "REFUSED: The log was rolled back" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["cosign"], ["sign"], ["key", "--name", "w"]])
def test_wrong_usage_has_its_own_exit_code(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == USAGE


def test_a_redirection_is_not_followed_for_it_would_carry_the_key_along(log: Log, url: str) -> None:
    ask = asker(url, "secret")
    assert parse_note(ask("GET", "/log/checkpoint", None)).text == log.checkpoint().text
    with pytest.raises(Undecided, match="307"):
        ask("GET", "/elsewhere", None)


@pytest.mark.parametrize(
    "url", ["http://archive.example", "http://127.0.0.1.example", "http://10.0.0.1", "ftp://localhost", "https://", ""]
)
def test_an_address_that_would_show_the_key_to_others_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="https://"):
        asker(url, "secret")


@pytest.mark.parametrize("url", ["https://archive.example", "http://localhost:8000", "http://[::1]:8000"])
def test_https_anywhere_and_http_on_this_machine_are_accepted(url: str) -> None:
    assert callable(asker(url, "secret"))
