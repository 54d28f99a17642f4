"""The client over real HTTP: what it accepts, and every way in which an authority can fail it."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from asn1crypto import cms, tsp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from archive_service.errors import ArchiveError, IntegrityFailure, Misconfigured, Unavailable
from archive_service.evidence.timestamp import TimestampRequest, require_answer, token_in
from archive_service.trust import reply as reply_module
from archive_service.trust.local_authority import NOT_TRUSTED, LocalAuthority
from archive_service.trust.timestamp_authority import HttpTimestampAuthority
from archive_verify.errors import Refused
from archive_verify.timestamp import read_token, require_stamped
from tests.fakes.clock import MovableClock
from tests.fakes.randomness import CountedRandomness

IMPRINT = hashlib.sha256(b"root of a batch").digest()
Answer = Callable[[bytes], tuple[int, bytes]]


class QuietServer(ThreadingHTTPServer):
    """A client that has gone away before the answer is what some tests are about."""

    def handle_error(self, request: object, client_address: object) -> None:
        return


@contextmanager
def served(answer: Answer) -> Iterator[str]:
    """Serve what ``answer`` makes of each request's body, as status and body."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = QuietServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/tsa"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(dt.datetime.now(dt.UTC).replace(microsecond=0))


@pytest.fixture
def authority(tmp_path: Path, clock: MovableClock) -> LocalAuthority:
    return LocalAuthority(tmp_path / "tsa", clock, CountedRandomness())


def client(
    url: str, authority: LocalAuthority, clock: MovableClock, timeout_seconds: float = 20.0
) -> HttpTimestampAuthority:
    return HttpTimestampAuthority("one", url, authority.roots, clock, CountedRandomness(), timeout_seconds)


def stamp_through(answer: Answer, authority: LocalAuthority, clock: MovableClock) -> ArchiveError:
    with served(answer) as url, pytest.raises(ArchiveError) as raised:
        client(url, authority, clock).stamp(IMPRINT, "sha256")
    return raised.value


def test_answer_to_the_request_is_accepted(authority: LocalAuthority, clock: MovableClock) -> None:
    with served(lambda request: (200, authority.answer(request))) as url:
        token = client(url, authority, clock).stamp(IMPRINT, "sha256")
    require_stamped(token, IMPRINT, "sha256")
    assert NOT_TRUSTED in token.signer_name


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_local_authority_stamps_in_this_process(authority: LocalAuthority, algorithm: str) -> None:
    imprint = hashlib.new(algorithm, b"x").digest()
    require_stamped(authority.stamp(imprint, algorithm), imprint, algorithm)


def test_replayed_reply_is_refused_by_two_checks_alone(authority: LocalAuthority, clock: MovableClock) -> None:
    earlier = TimestampRequest(hashlib.sha256(b"an older batch").digest(), "sha256", 2**63 + 1)
    replayed = authority.answer(earlier.der())
    error = stamp_through(lambda _: (200, replayed), authority, clock)
    assert isinstance(error, IntegrityFailure)
    assert error.code == "timestamp-refused"
    # Each check refuses by itself: the nonce for the very same digest, the digest, the time, the second checker.
    same_digest = TimestampRequest(earlier.imprint, "sha256", 2**63 + 2)
    with pytest.raises(Refused, match="another nonce"):
        require_answer(token_in(replayed), same_digest, authority.roots, clock.now())
    with pytest.raises(Refused, match="something else"):
        require_stamped(read_token(token_in(replayed)), IMPRINT)
    with pytest.raises(Refused, match="not the present time"):
        require_answer(token_in(replayed), earlier, authority.roots, clock.now() + dt.timedelta(hours=1))
    with pytest.raises(Refused, match="second checker"):
        reply_module._require_agreed(read_token(token_in(replayed)), same_digest, authority.roots)
    other_digest = TimestampRequest(IMPRINT, "sha256", earlier.nonce)
    with pytest.raises(Refused, match="second checker"):
        reply_module._require_agreed(read_token(token_in(replayed)), other_digest, authority.roots)


def test_reply_with_another_nonce_is_refused(authority: LocalAuthority, clock: MovableClock) -> None:
    def answer(_: bytes) -> tuple[int, bytes]:
        return 200, authority.answer(TimestampRequest(IMPRINT, "sha256", 7).der())

    assert "nonce" in str(stamp_through(answer, authority, clock))


def test_reply_over_another_digest_is_refused(authority: LocalAuthority, clock: MovableClock) -> None:
    def answer(request: bytes) -> tuple[int, bytes]:
        nonce = tsp.TimeStampReq.load(request)["nonce"].native
        return 200, authority.answer(TimestampRequest(hashlib.sha256(b"other").digest(), "sha256", nonce).der())

    assert "something else" in str(stamp_through(answer, authority, clock))


def test_reply_of_an_authority_that_is_not_configured_is_refused(
    tmp_path: Path, authority: LocalAuthority, clock: MovableClock
) -> None:
    stranger = LocalAuthority(tmp_path / "stranger", clock, CountedRandomness())
    error = stamp_through(lambda request: (200, stranger.answer(request)), authority, clock)
    assert "not signed by its issuer" in str(error)


def test_authority_without_roots_is_misconfigured(authority: LocalAuthority, clock: MovableClock) -> None:
    with served(lambda request: (200, authority.answer(request))) as url, pytest.raises(Misconfigured):
        HttpTimestampAuthority("one", url, [], clock, CountedRandomness()).stamp(IMPRINT, "sha256")


def test_rejection_is_refused_with_the_authoritys_words(authority: LocalAuthority, clock: MovableClock) -> None:
    error = stamp_through(lambda _: (200, authority.answer(b"\x30\x00")), authority, clock)
    assert "rejection" in str(error)


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"\x30\x80", b"\x30\x03\x02\x01\x00", bytes(1000)])
def test_garbage_is_refused(body: bytes, authority: LocalAuthority, clock: MovableClock) -> None:
    assert isinstance(stamp_through(lambda _: (200, body), authority, clock), IntegrityFailure)


@pytest.mark.parametrize("status", [302, 404, 500, 503])
def test_http_failure_is_unavailable(status: int, authority: LocalAuthority, clock: MovableClock) -> None:
    assert isinstance(stamp_through(lambda _: (status, b"busy"), authority, clock), Unavailable)


def test_reply_over_the_size_limit_is_unavailable(authority: LocalAuthority, clock: MovableClock) -> None:
    error = stamp_through(lambda _: (200, bytes(300_000)), authority, clock)
    assert isinstance(error, Unavailable)
    assert "more than" in str(error)


def test_slow_reply_is_unavailable_within_the_time_limit(authority: LocalAuthority, clock: MovableClock) -> None:
    waiting = threading.Event()

    def answer(request: bytes) -> tuple[int, bytes]:
        waiting.wait(5)
        return 200, authority.answer(request)

    with served(answer) as url:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            client(url, authority, clock, timeout_seconds=0.3).stamp(IMPRINT, "sha256")
        took = time.monotonic() - began
        waiting.set()
    assert took < 4


def test_authority_that_is_down_is_unavailable(authority: LocalAuthority, clock: MovableClock) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unavailable):
        client(f"http://127.0.0.1:{port}/", authority, clock, timeout_seconds=2).stamp(IMPRINT, "sha256")


def test_certificates_in_another_order_are_put_into_der_order(authority: LocalAuthority, clock: MovableClock) -> None:
    request = TimestampRequest(IMPRINT, "sha256", 2**63 + 5)
    signed = tsp.TimeStampResp.load(authority.answer(request.der()))["time_stamp_token"]["content"]
    signer = signed["certificates"][0].dump()
    body = b"".join(sorted([signer, authority.roots[0]], reverse=True))
    signed["certificates"] = cms.CertificateSet.load(b"\x31\x82" + len(body).to_bytes(2, "big") + body)
    token = cms.ContentInfo({"content_type": "signed_data", "content": signed})
    reply = tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token}).dump()
    assert body in reply
    accepted = reply_module.accept_reply("one", reply, request, authority.roots, clock.now())
    assert list(accepted.certificates) == sorted([signer, authority.roots[0]])


def test_two_processes_that_begin_at_once_share_one_authority(tmp_path: Path, clock: MovableClock) -> None:
    both = [LocalAuthority(tmp_path / "tsa", clock, CountedRandomness()) for _ in range(2)]
    both[0]._make()
    roots = both[0].roots
    both[1]._make()
    assert both[1].roots == roots
    both[1].stamp(IMPRINT, "sha256")


def test_signer_past_half_of_its_life_is_followed_by_a_new_one(authority: LocalAuthority, clock: MovableClock) -> None:
    first = authority.stamp(IMPRINT, "sha256")
    clock.forward(dt.timedelta(days=600))
    second = authority.stamp(IMPRINT, "sha256")
    assert second.signer_valid_until > first.signer_valid_until


OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="no openssl command on this machine")


def openssl(*arguments: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(OPENSSL), *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout


@needs_openssl
def test_openssl_verifies_the_local_authoritys_reply(tmp_path: Path, authority: LocalAuthority) -> None:
    request = TimestampRequest(IMPRINT, "sha256", 2**63 + 9)
    (tmp_path / "query.tsq").write_bytes(request.der())
    (tmp_path / "reply.tsr").write_bytes(authority.answer(request.der()))
    verified = openssl(
        "ts", "-verify", "-in", "reply.tsr", "-queryfile", "query.tsq", "-CAfile", "tsa/root.pem", cwd=tmp_path
    )
    assert "Verification: OK" in verified


OPENSSL_CONFIGURATION = """
[tsa]
default_tsa = one
[one]
serial = serial
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
[signer]
extendedKeyUsage = critical,timeStamping
keyUsage = critical,digitalSignature
[root]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign
[req]
distinguished_name = name
[name]
"""


@needs_openssl
@pytest.mark.parametrize("key", ["rsa:2048", "ec"])
def test_client_accepts_replies_of_openssl(tmp_path: Path, key: str) -> None:
    kind = ["-newkey", "rsa:2048"] if key == "rsa:2048" else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    (tmp_path / "openssl.cnf").write_text(OPENSSL_CONFIGURATION)
    (tmp_path / "serial").write_text("01\n")
    common = ["-config", "openssl.cnf", "-nodes", "-sha256"]
    openssl(
        *["req", "-x509", *common, *kind, "-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=root"],
        *["-extensions", "root", "-days", "30"],
        cwd=tmp_path,
    )
    openssl("req", *common, *kind, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=tsa", cwd=tmp_path)
    openssl(
        *["x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key", "-out", "tsa.pem"],
        *["-set_serial", "2", "-days", "20", "-extfile", "openssl.cnf", "-extensions", "signer", "-sha256"],
        cwd=tmp_path,
    )
    roots = [bytes_of(tmp_path / "root.pem")]

    def answer(request: bytes) -> tuple[int, bytes]:
        (tmp_path / "query.tsq").write_bytes(request)
        openssl(
            *["ts", "-reply", "-config", "openssl.cnf", "-queryfile", "query.tsq", "-signer", "tsa.pem"],
            *["-inkey", "tsa.key", "-chain", "root.pem", "-out", "reply.tsr"],
            cwd=tmp_path,
        )
        return 200, (tmp_path / "reply.tsr").read_bytes()

    with served(answer) as url:
        asked = HttpTimestampAuthority(
            "openssl", url, roots, MovableClock(dt.datetime.now(dt.UTC)), CountedRandomness()
        )
        require_stamped(asked.stamp(IMPRINT, "sha256"), IMPRINT, "sha256")


def bytes_of(pem: Path) -> bytes:
    return x509.load_pem_x509_certificate(pem.read_bytes()).public_bytes(Encoding.DER)
