"""A seal key on a device: the key never leaves it, and a device that is away is waited for. Proven with SoftHSM."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from archive_service.errors import Unavailable
from archive_service.model.paper import Paper
from archive_service.pdf.reader import SandboxedPdfReader
from archive_service.pdf.seal import is_sealed_with
from archive_service.pdf.seal_key import DevicePlace, SealKey, device_key
from archive_service.pdf.sealer import AgencySealer, SealSetup
from archive_service.storage.staging import Staging
from tests.fakes.clock import START, MovableClock
from tests.fakes.time_authority import OwnAuthority
from tests.packages import make_agency
from tests.pdf.sealing import FONT, LIMIT, workshop
from tests.pdf.test_seal import own_certificate, scan, seal_of
from tests.servers import program_place

PIN = "1234"


ROOT = make_agency("Root", usage=["key_cert_sign"])
MIDDLE = make_agency("Middle", usage=["key_cert_sign"], issuer=ROOT)
# Of the same names and other keys, as an authority's next generation is.
STRANGERS = (make_agency("Root", usage=["key_cert_sign"]), make_agency("Middle", usage=["key_cert_sign"]))


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> DevicePlace:
    """Give a device with a key and its certificate on it. The driver reads its place once in a process.

    Key and certificate "issued" have an issuer: its chain is on the token "with chain" and not on "archive".
    """
    driver = program_place("softhsm", os.environ)
    folder = tmp_path_factory.mktemp("device")
    (folder / "tokens").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n")
    os.environ["SOFTHSM2_CONF"] = str(settings)
    key = rsa.generate_private_key(65_537, 2_048)
    issued = make_agency("BHXH", key=key, usage=["digital_signature", "content_commitment"], issuer=MIDDLE).der
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*form))
    for token in ("archive", "with chain"):
        _run("softhsm2-util", "--init-token", "--free", "--label", token, "--so-pin", PIN, "--pin", PIN)
        for label, number in (("seal", "01"), ("issued", "02")):
            named = ["--token", token, "--pin", PIN, "--label", label, "--id", number]
            _run("softhsm2-util", "--import", str(folder / "key.pem"), *named)
    own = own_certificate(key).public_bytes(serialization.Encoding.DER)
    _put_certificates(driver, "archive", {"seal": own, "issued": issued})
    others = {f"other {number}": one.der for number, one in enumerate((*STRANGERS, ROOT, MIDDLE))}
    _put_certificates(driver, "with chain", {"issued": issued, **others})
    return DevicePlace(Path(driver), "archive", "seal", PIN)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def _put_certificates(driver: str, token: str, certificates: dict[str, bytes]) -> None:
    import pkcs11
    from pkcs11.util.x509 import decode_x509_certificate

    with pkcs11.lib(driver).get_token(token_label=token).open(rw=True, user_pin=PIN) as session:
        for label, certificate in certificates.items():
            attributes = decode_x509_certificate(certificate)
            attributes |= {pkcs11.Attribute.TOKEN: True, pkcs11.Attribute.LABEL: label}
            session.create_object(attributes)


def test_a_key_on_a_device_seals(reader: SandboxedPdfReader, device: DevicePlace, tmp_path: Path) -> None:
    key = device_key(device)
    assert key.owner == "BHXH"
    with workshop(reader, tmp_path, key) as at:
        path = at.seal(scan())
    assert is_sealed_with(path, key)
    status = seal_of(path)
    assert (status.intact, status.valid) == (True, True)  # type: ignore[attr-defined]


def test_the_certificate_of_a_device_that_signed_itself_is_its_own_anchor(device: DevicePlace) -> None:
    key = device_key(device)
    assert key.anchors == (key.certificate.public_bytes(serialization.Encoding.DER),)


@pytest.mark.parametrize(
    ("token", "issuers", "anchors"),
    [
        ("archive", (), ()),
        ("archive", (MIDDLE.der,), ()),
        ("archive", (ROOT.der, MIDDLE.der), (ROOT.der,)),
        ("archive", tuple(one.der for one in (*STRANGERS, ROOT, MIDDLE)), (ROOT.der,)),
        ("archive", tuple(one.der for one in STRANGERS), ()),
        ("with chain", (), (ROOT.der,)),
        ("with chain", (MIDDLE.der, ROOT.der), (ROOT.der,)),
    ],
)
def test_the_anchor_of_an_issued_key_is_the_root_that_the_operator_names_or_the_token_holds(
    device: DevicePlace, token: str, issuers: tuple[bytes, ...], anchors: tuple[bytes, ...]
) -> None:
    assert device_key(replace(device, token=token, label="issued"), issuers).anchors == anchors


@pytest.mark.parametrize(("token", "issuers"), [("archive", (ROOT.der, MIDDLE.der)), ("with chain", ())])
def test_whoever_has_the_root_alone_follows_a_seal_of_an_issued_key_to_it(
    reader: SandboxedPdfReader, device: DevicePlace, tmp_path: Path, token: str, issuers: tuple[bytes, ...]
) -> None:
    key = device_key(replace(device, token=token, label="issued"), issuers)
    with workshop(reader, tmp_path, key) as at:
        path = at.seal(scan())
        assert at.sealer.anchors() == (ROOT.der,)
    with path.open("rb") as file:
        (signature,) = PdfFileReader(file).embedded_signatures
        theirs = ValidationContext(
            trust_roots=[asn1_x509.Certificate.load(ROOT.der)], allow_fetching=False, moment=START
        )
        status = validate_pdf_signature(signature, theirs, theirs)
        enclosed = {one.dump() for one in signature.other_embedded_certs}
    assert (status.intact, status.valid, status.trusted) == (True, True, True)
    assert enclosed == {MIDDLE.der, ROOT.der}, "what else is on the token stays there"


def test_after_an_authority_or_a_session_that_was_away_the_same_device_seals_again(
    reader: SandboxedPdfReader, device: DevicePlace, tmp_path: Path
) -> None:
    opened: list[SealKey] = []

    def open_key() -> SealKey:
        opened.append(device_key(device))
        return opened[-1]

    authority, staging = OwnAuthority(tmp_path / "authority", MovableClock()), Staging(tmp_path / "staging")
    sealer = AgencySealer(reader, staging, SealSetup(open_key, authority, None, FONT, LIMIT))

    def seal_one() -> None:
        with staging.receive(LIMIT) as out:
            sealer.seal_paper(Paper("Báo cáo", "Report", "1", START, (("a", "b"),)), out)
            assert is_sealed_with(out.path, opened[-1])

    seal_one()
    authority.down = True
    with pytest.raises(Unavailable, match="time-stamp authority"):
        seal_one()
    authority.down = False
    seal_one()
    assert len(opened) == 1, "the device was not away"
    opened[-1].signer.pkcs11_session.close()
    with pytest.raises(Unavailable, match="seal-key"):
        seal_one()
    seal_one()
    assert len(opened) == 2


@pytest.mark.parametrize("wrong", [{"token": "another"}, {"label": "another"}, {"module": Path("/nowhere.so")}])
def test_a_device_that_is_not_there_is_waited_for(device: DevicePlace, wrong: dict[str, str]) -> None:
    place = {"module": device.module, "token": device.token, "label": device.label, "pin": device.pin, **wrong}
    with pytest.raises(Unavailable) as told:
        device_key(DevicePlace(**place))  # type: ignore[arg-type]
    assert PIN not in str(told.value)
