"""Opening the archive that settings name, and the operator's own finding policy."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import SecretStr

from archive_service.bootstrap import open_archive, upgrade_register
from archive_service.errors import ArchiveError, Misconfigured, Unavailable
from archive_service.model.findings import DEFAULT_OUTCOMES, Finding, FindingCode, Outcome
from archive_service.model.policy import Unsigned
from archive_service.model.record import Trust
from archive_service.settings import Settings
from tests.packages import make_agency
from tests.results import metadata
from tests.running import PROJECT


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the defaults, in a folder of the test."""
    return Settings(data_dir=tmp_path / "data")


def test_every_part_is_ready_after_the_register_was_upgraded(settings: Settings) -> None:
    upgrade_register(settings)
    with open_archive(settings) as archive:
        archive.register.check_ready()
        archive.store.check_ready()
        archive.index.check_ready()
        archive.pdf.check_ready()


def test_data_folder_is_for_its_owner_alone(settings: Settings) -> None:
    upgrade_register(settings)
    assert settings.data_dir.stat().st_mode & 0o077 == 0


def test_register_that_was_not_upgraded_is_told(settings: Settings) -> None:
    with open_archive(settings) as archive, pytest.raises(ArchiveError) as raised:
        archive.register.check_ready()
    assert isinstance(raised.value, Misconfigured | Unavailable)


def test_rules_come_from_the_settings(tmp_path: Path) -> None:
    chosen = Settings(data_dir=tmp_path / "data", quarantine_lock_days=3, job_attempts=2, max_file_bytes=2048)
    with open_archive(chosen) as archive:
        assert archive.rules.quarantine_lock_days == 3
        assert archive.rules.job_attempts == 2
        assert archive.rules.max_file_bytes == 2048
        assert archive.policy.outcomes == DEFAULT_OUTCOMES


def papers_sealed_by(settings: Settings) -> tuple[bool, bool]:
    """Return whether papers of the archive's own are sealed, and whether results are."""
    with open_archive(settings) as archive:
        return archive.sealer is not None, archive.result_sealer is not None


def test_whether_results_are_sealed_says_nothing_of_papers(settings: Settings) -> None:
    assert papers_sealed_by(settings) == (True, True)
    assert papers_sealed_by(settings.model_copy(update={"seal_results": False})) == (True, False)


def test_without_an_authority_sealing_of_results_is_told_as_a_mistake_and_nothing_else_is_sealed(
    settings: Settings,
) -> None:
    without = settings.model_copy(update={"timestamp_authorities": SecretStr("none")})
    with open_archive(without) as archive:
        assert archive.sealer is not None
        with pytest.raises(Misconfigured, match="ARCHIVE_TIMESTAMP_AUTHORITIES"):
            archive.sealer.check_ready()
    assert papers_sealed_by(without.model_copy(update={"seal_results": False})) == (False, False)


def test_issuers_of_a_device_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    issuers = tmp_path / "issuers.pem"
    chosen = Settings(
        data_dir=tmp_path / "data", seal_device_module=tmp_path / "none.so", seal_device_issuers_file=issuers
    )
    with open_archive(chosen) as archive:
        assert archive.sealer is not None
        for content in (None, b"-----BEGIN rubbish"):
            if content is not None:
                issuers.write_bytes(content)
            with pytest.raises(Misconfigured, match="ARCHIVE_SEAL_DEVICE_ISSUERS_FILE"):
                archive.sealer.check_ready()
        issuers.write_bytes(make_agency().certificate.public_bytes(Encoding.PEM))
        with pytest.raises(Unavailable):
            archive.sealer.check_ready()


def policy_of(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "policy.toml"
    file.write_text(text, encoding="utf-8")
    return Settings(data_dir=tmp_path / "data", finding_policy_file=file)


def test_line_of_the_operators_policy_takes_the_place_of_the_archives_own(tmp_path: Path) -> None:
    with open_archive(policy_of(tmp_path, '[outcomes]\njavascript = "refuse"\n')) as archive:
        assert archive.policy.outcome_of(Finding(FindingCode.JAVASCRIPT)) is Outcome.REFUSE
        assert archive.policy.outcome_of(Finding(FindingCode.EMPTY)) is Outcome.REFUSE


def test_policy_that_ships_as_an_example_can_be_used(tmp_path: Path) -> None:
    text = (PROJECT / "examples" / "finding-policy.toml").read_text(encoding="utf-8")
    with open_archive(policy_of(tmp_path, text)) as archive:
        assert archive.policy.outcomes.keys() == DEFAULT_OUTCOMES.keys()


@pytest.mark.parametrize(
    "text",
    [
        "[outcomes",
        '[outcomes]\nno-such-finding = "accept"\n',
        '[outcomes]\nempty = "ignore"\n',
        'outcomes = "accept"\n',
        "[outcomes]\nempty = 1\n",
    ],
)
def test_policy_that_cannot_be_used_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(Misconfigured, match="ARCHIVE_FINDING_POLICY_FILE"), open_archive(policy_of(tmp_path, text)):
        pass


def test_policy_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    chosen = Settings(data_dir=tmp_path / "data", finding_policy_file=tmp_path / "nowhere.toml")
    with pytest.raises(Misconfigured, match="ARCHIVE_FINDING_POLICY_FILE"), open_archive(chosen):
        pass


@pytest.mark.parametrize("name", ["agency_trust_dir", "tsa_trust_dir", "crl_dir"])
def test_folder_of_trust_that_is_not_there_is_told(tmp_path: Path, name: str) -> None:
    chosen = Settings(data_dir=tmp_path / "data").model_copy(update={name: tmp_path / "nowhere"})
    with pytest.raises(Misconfigured, match=f"ARCHIVE_{name.upper()}"), open_archive(chosen):
        pass


def test_agencies_that_the_operator_trusts_are_known_by_their_certificates(tmp_path: Path) -> None:
    folder, agency = tmp_path / "agencies", make_agency()
    folder.mkdir()
    (folder / "a.cer").write_bytes(agency.der)
    chosen = Settings(data_dir=tmp_path / "data", agency_trust_dir=folder)
    with open_archive(chosen) as archive:
        assert archive.agency_roots == (agency.der,)
    (folder / "b.pem").write_bytes(b"rubbish")
    with pytest.raises(Misconfigured, match="ARCHIVE_AGENCY_TRUST_DIR"), open_archive(chosen):
        pass


def test_rules_of_signatures_are_read_from_the_policy_file(tmp_path: Path) -> None:
    text = '[[signatures]]\ntrust = ["digitised"]\nmissing = "refuse"\n'
    with open_archive(policy_of(tmp_path, text)) as archive:
        assert archive.policy.without_signature(metadata(trust=Trust.DIGITISED)) is Unsigned.REFUSE
