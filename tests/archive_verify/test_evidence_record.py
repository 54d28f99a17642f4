"""Evidence records of other makers (esig/dss test data): each file's outcome and the reason for it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from archive_verify.errors import Malformed, Refused, Undecided
from archive_verify.evidence_record import (
    DataObject,
    check_evidence_record,
    read_evidence_record,
    require_record_trusted,
    require_renewed_in_time,
)
from archive_verify.timestamp import read_token

ONE, TWO, THREE, NINE = b"\x01", b"\x02", b"\x03", b"\x09"
LATE = "after its certificate had ended"
NOT_IN_TREE = "The object is not in the hash tree of the evidence record."
MD5 = "The hash function md5 is not one that a proof may rest on."


@dataclass(frozen=True, slots=True)
class Valid:
    """A record that holds: over which data (a file's name, or the bytes themselves), tokens chain by chain."""

    data: Sequence[str | bytes]
    chains: Sequence[int]
    renewed_in_time: bool = True


# The data of many are single bytes or digits, found by their digests; the others' lie beside them.
VALID = {
    "BIN-1_ER.ers": Valid(["BIN-1.bin"], [1]),
    "BIN-2_ER.ers": Valid(["BIN-2.bin"], [2]),
    "BIN-3_ER.ers": Valid(["BIN-3.bin"], [2, 1]),
    "BIN-4_ER.ers": Valid(["BIN-4.bin"], [2, 1]),
    "ER-2Chains3ATS.ers": Valid(["ER-2Chains3ATS1.bin", "ER-2Chains3ATS2.bin"], [2, 1]),
    "bsi_gov_vte-lza_002.ers": Valid(["bsi_gov_vte-lza_002.bin"], [1]),
    "er-asn1-full-renewal.ers": Valid([ONE, THREE], [2, 1]),
    "er-asn1-full-renewal-duplicated-data.ers": Valid([NINE], [2, 1]),
    # Renewed in 2024, when the certificate of 2022 had ended in February 2023: trees and order hold, but nothing
    # shows that its key was still kept safe (RFC 4998 §5.3). The names say nothing of it.
    "er-asn1-full-renewal-tst-renewal.ers": Valid([ONE, THREE], [2, 2], renewed_in_time=False),
    "er-asn1-full-renewal-tst-renewal-chain-renewal.ers": Valid([THREE], [2, 4, 1], renewed_in_time=False),
    "er-asn1-full-renewal-two-ats-chain.ers": Valid([THREE], [2, 1, 1], renewed_in_time=False),
    "er-asn1-full-renewal-three-ats-chain.ers": Valid([THREE], [2, 1, 1, 1], renewed_in_time=False),
    "er-asn1-full-renewal-five-ats-chain.ers": Valid([THREE], [2, 1, 1, 1, 1, 1], renewed_in_time=False),
    "er-asn1-on-tst.ers": Valid(["d-trust.tsr"], [1]),
    "er-asn1-one-level-hashtree.ers": Valid([TWO], [2, 1]),
    "er-asn1-simple.ers": Valid([b"1", b"2", b"3"], [1]),
    "er-asn1-tst-renewal.ers": Valid(["ER-2Chains3ATS1.bin", "ER-2Chains3ATS2.bin"], [2]),
}

REFUSED: dict[str, tuple[Sequence[str | bytes], str]] = {
    "BIN-1_ER_malformed.ers": (["BIN-1.bin"], "The evidence record could not be read (ValueError)."),
    # Their first tokens are signed over MD5 (and with an RSA key of 1024 bits): refused before any tree is looked at.
    "er-asn1-chain-renewal-invalid.ers": ([NINE], MD5),
    "er-asn1-chain-renewal-duplicated-data-invalid.ers": ([ONE], MD5),
    "er-asn1-simple-invalid.ers": (["ER-2Chains3ATS1.bin"], NOT_IN_TREE),
    # The first tree is that of er-asn1-tst-renewal.ers; the second does not hold the first token.
    "er-asn1-tst-renewal-invalid.ers": (["ER-2Chains3ATS1.bin", "ER-2Chains3ATS2.bin"], NOT_IN_TREE),
}

# Their data are not there, so only structure and signatures can be looked at.
WITHOUT_DATA = {
    "1_0_Initial.er": 1,
    "1_1_Renew_Unsorted.er": 2,
    "1_2_Renew_Unsorted.er": 3,
    "1_3_Renew_Unsorted.er": 4,
    "LKSG_4.ers": 2,
    # Signature-C-LT.p7m is beside it, but none of the six digests of its group is that file's.
    "evidencerecord.ers": 1,
}


def objects(folder: Path, data: Sequence[str | bytes]) -> list[DataObject]:
    return [one if isinstance(one, bytes) else content(folder / one) for one in data]


def content(path: Path) -> bytes:
    # The digest of this one is over lines that end in CR LF; the copy's end in LF.
    as_kept = path.read_bytes()
    return as_kept.replace(b"\n", b"\r\n") if path.name == "bsi_gov_vte-lza_002.bin" else as_kept


@pytest.fixture
def folder(shared_data: Path) -> Path:
    return shared_data / "evidence-records"


@pytest.mark.parametrize("name", VALID)
def test_valid_record_proves_its_data(folder: Path, name: str) -> None:
    expected = VALID[name]
    result = check_evidence_record((folder / name).read_bytes(), objects(folder, expected.data))
    assert [len(chain) for chain in result.chains] == list(expected.chains)
    assert result.stamped_at == result.tokens[0].at
    if expected.renewed_in_time:
        require_renewed_in_time(result)
    else:
        with pytest.raises(Refused, match=LATE):
            require_renewed_in_time(result)


@pytest.mark.parametrize("name", VALID)
def test_valid_record_proves_nothing_of_other_data(folder: Path, name: str) -> None:
    der = (folder / name).read_bytes()
    given = objects(folder, VALID[name].data)
    first = given[0]
    assert isinstance(first, bytes)
    changed = bytes([first[0] ^ 1]) + first[1:]
    with pytest.raises(Refused, match="not in the hash tree"):
        check_evidence_record(der, [changed, *given[1:]])


@pytest.mark.parametrize("name", REFUSED)
def test_invalid_record_is_refused_for_its_reason(folder: Path, name: str) -> None:
    data, reason = REFUSED[name]
    with pytest.raises(Refused) as refused:
        check_evidence_record((folder / name).read_bytes(), objects(folder, data))
    assert str(refused.value) == reason


@pytest.mark.parametrize("name", WITHOUT_DATA)
def test_record_without_its_data_has_tokens_that_hold(folder: Path, name: str) -> None:
    record = read_evidence_record((folder / name).read_bytes())
    stamps = [stamp for chain in record["archive_time_stamp_sequence"] for stamp in chain]
    tokens = [read_token(stamp["time_stamp"].dump()) for stamp in stamps]
    assert len(tokens) == WITHOUT_DATA[name]
    with pytest.raises(Refused):
        check_evidence_record((folder / name).read_bytes(), [b"something else"])


def test_every_record_of_the_folder_is_in_a_table(folder: Path) -> None:
    assert {path.name for path in folder.glob("*.er*")} == {*VALID, *REFUSED, *WITHOUT_DATA}


def test_group_with_more_than_what_is_given_is_refused(folder: Path) -> None:
    der = (folder / "er-asn1-simple.ers").read_bytes()
    with pytest.raises(Refused, match="holds more than"):
        check_evidence_record(der, [b"1", b"2"])


def test_digests_serve_in_place_of_bytes(folder: Path) -> None:
    der = (folder / "BIN-3_ER.ers").read_bytes()
    data = (folder / "BIN-3.bin").read_bytes()
    result = check_evidence_record(der, [lambda algorithm: hashlib.new(algorithm, data).digest()])
    assert result.algorithms == ("sha256", "sha512")


def test_without_roots_trust_is_undecided_but_a_late_renewal_is_refused(folder: Path) -> None:
    good = check_evidence_record((folder / "BIN-3_ER.ers").read_bytes(), [(folder / "BIN-3.bin").read_bytes()])
    with pytest.raises(Undecided):
        require_record_trusted(good, [], [], good.stamped_at)
    late = check_evidence_record((folder / "er-asn1-full-renewal-two-ats-chain.ers").read_bytes(), [THREE])
    with pytest.raises(Refused, match=LATE):
        require_record_trusted(late, [], [], late.stamped_at)


def test_record_without_objects_is_undecided(folder: Path) -> None:
    with pytest.raises(Undecided):
        check_evidence_record((folder / "BIN-1_ER.ers").read_bytes(), [])


@pytest.mark.parametrize("der", [b"", b"\x30\x00", b"\x30\x80", b"0" * 1000, b"\x30\x82\xff\xff\x02\x01\x01"])
def test_garbage_is_malformed(der: bytes) -> None:
    with pytest.raises(Malformed):
        check_evidence_record(der, [b"x"])
