"""A seal key on a device: the key never leaves it, and a device that is away is waited for. Proven with SoftHSM."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from archive_service.errors import Unavailable
from archive_service.pdf.reader import SandboxedPdfReader
from archive_service.pdf.seal import is_sealed_with
from archive_service.pdf.seal_key import DevicePlace, device_key
from tests.pdf.sealing import workshop
from tests.pdf.test_seal import own_certificate, scan, seal_of
from tests.servers import program_place

PIN = "1234"


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> DevicePlace:
    """Give a device with a key and its certificate on it. The driver reads its place once in a process."""
    driver = program_place("softhsm", os.environ)
    folder = tmp_path_factory.mktemp("device")
    (folder / "tokens").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n")
    os.environ["SOFTHSM2_CONF"] = str(settings)
    key = rsa.generate_private_key(65_537, 2_048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*form))
    token = ["--token", "archive", "--pin", PIN]
    _run("softhsm2-util", "--init-token", "--free", "--label", "archive", "--so-pin", PIN, "--pin", PIN)
    _run("softhsm2-util", "--import", str(folder / "key.pem"), *token, "--label", "seal", "--id", "01")
    _put_certificate(driver, own_certificate(key).public_bytes(serialization.Encoding.DER))
    return DevicePlace(Path(driver), "archive", "seal", PIN)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def _put_certificate(driver: str, certificate: bytes) -> None:
    import pkcs11
    from pkcs11.util.x509 import decode_x509_certificate

    with pkcs11.lib(driver).get_token(token_label="archive").open(rw=True, user_pin=PIN) as session:
        attributes = decode_x509_certificate(certificate)
        attributes |= {pkcs11.Attribute.TOKEN: True, pkcs11.Attribute.LABEL: "seal", pkcs11.Attribute.ID: b"\x01"}
        session.create_object(attributes)


def test_a_key_on_a_device_seals(reader: SandboxedPdfReader, device: DevicePlace, tmp_path: Path) -> None:
    key = device_key(device)
    assert key.owner == "BHXH"
    with workshop(reader, tmp_path, key) as at:
        path = at.seal(scan())
    assert is_sealed_with(path, key)
    status = seal_of(path)
    assert (status.intact, status.valid) == (True, True)  # type: ignore[attr-defined]


@pytest.mark.parametrize("wrong", [{"token": "another"}, {"label": "another"}, {"module": Path("/nowhere.so")}])
def test_a_device_that_is_not_there_is_waited_for(device: DevicePlace, wrong: dict[str, str]) -> None:
    place = {"module": device.module, "token": device.token, "label": device.label, "pin": device.pin, **wrong}
    with pytest.raises(Unavailable) as told:
        device_key(DevicePlace(**place))  # type: ignore[arg-type]
    assert PIN not in str(told.value)
