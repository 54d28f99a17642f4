"""The service's settings: frozen, typed, read once; the only reader of the environment and of secrets.

Every setting is an environment variable with the prefix ``ARCHIVE_`` (docs/operations.md lists them all). A secret may
instead be named by a file: folder ``ARCHIVE_SECRETS_DIR`` holds one file a secret setting.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from archive_service.errors import Message, Misconfigured

# A call at which a process ends itself: port, method, before or after, and which call since the process began.
KILL_POINT = r"^([a-z]+\.[a-z_]+):(before|after):([1-9][0-9]*)$"


class Settings(BaseSettings):
    """All settings with their defaults: the embedded service on one machine."""

    model_config = SettingsConfigDict(env_prefix="ARCHIVE_", frozen=True, extra="ignore")

    data_dir: Path = Field(Path("data"), description="Folder of everything the embedded default keeps.")
    register_url: SecretStr | None = Field(
        None, description="SQLAlchemy URL of the register; default: SQLite in the data folder."
    )
    store_url: SecretStr | None = Field(
        None,
        description="Object store: file:FOLDER, s3+http://KEY:SECRET@HOST/BUCKET or s3+https://…; "
        "default: file: in the data folder.",
    )
    second_store_url: SecretStr | None = Field(
        None,
        description="Where the audit finds good bytes for damaged ones: another store, or the place of backups.",
    )
    index_url: SecretStr | None = Field(
        None,
        description="Search index: embedded:FOLDER, or http(s)://… of Elasticsearch; default: in the data folder.",
    )
    index_name: str = Field("archive-records", description="Alias of the index on Elasticsearch.")
    staging_dir: Path | None = Field(None, description="Folder for uploads in progress; default: in the data folder.")
    listen_host: str = Field("127.0.0.1", description="Address that `serve` listens on.")
    listen_port: int = Field(8080, ge=1, le=65535, description="Port that `serve` listens on.")
    web_threads: int = Field(16, ge=1, le=256, description="Requests answered at the same time by one web process.")
    worker_processes: int = Field(
        0, ge=0, le=256, description="PDF processes at the same time in one worker; 0: one a core."
    )
    checker_processes: int = Field(
        0, ge=0, le=256, description="PDF checks at the same time in one web process; 0: one a core."
    )
    max_file_bytes: int = Field(524_288_000, ge=1024, description="Largest file taken, in bytes.")
    max_metadata_bytes: int = Field(262_144, ge=1024, description="Largest metadata part taken, in bytes.")
    max_pages: int = Field(5_000, ge=1, description="Most pages taken in one PDF.")
    max_decoded_bytes: int = Field(
        2_147_483_648, ge=1_048_576, description="Most bytes that a PDF's streams may unpack to."
    )
    check_memory_bytes: int = Field(
        1_073_741_824, ge=134_217_728, description="Address space of one sandboxed PDF process."
    )
    check_cpu_seconds: int = Field(20, ge=1, description="CPU time of one PDF check.")
    check_wall_seconds: int = Field(40, ge=1, description="Wall time of one PDF check.")
    text_cpu_seconds: int = Field(900, ge=1, description="CPU time to read the words of one PDF.")
    text_wall_seconds: int = Field(1800, ge=1, description="Wall time to read the words of one PDF.")
    ocr_languages: str = Field("vie", description="Tesseract languages, joined by +.")
    ocr_dpi: int = Field(200, ge=72, le=600, description="Resolution at which pages are recognised.")
    low_confidence: float = Field(60.0, ge=0, le=100, description="Pages recognised below this become a finding.")
    finding_policy_file: Path | None = Field(None, description="TOML table: finding → accept, quarantine or refuse.")
    agency_trust_dir: Path | None = Field(
        None, description="Folder of certificates (PEM, DER) trusted to vouch for signatures of results."
    )
    tsa_trust_dir: Path | None = Field(
        None, description="Folder of certificates (PEM, DER) trusted to vouch for time-stamps."
    )
    crl_dir: Path | None = Field(
        None,
        description="Folder of revocation lists (PEM, DER) that something else keeps fresh; "
        "with it every certificate must be known not to be revoked.",
    )
    seal_results: bool = Field(
        True,
        description="Whether digitised results without a signature get a sealed PDF/A copy; false: none is made, and "
        "they wait in quarantine unless a rule accepts them. Reports of audits and certificates of disposals are "
        "sealed all the same.",
    )
    seal_agency: str | None = Field(
        None, description="The agency's name in the seal's visible mark; default: the name in the certificate."
    )
    seal_key_file: Path | None = Field(
        None,
        description="The seal key with its certificates, PKCS#12 or PEM; default: a test key that nobody should trust, "
        "made in the data folder.",
    )
    seal_key_passphrase: SecretStr | None = Field(None, description="What opens the seal key's file.")
    seal_device_module: Path | None = Field(
        None, description="Driver library (PKCS#11) of the device that holds the seal key, instead of a file."
    )
    seal_device_token: str = Field("", description="Label of the token on the device.")
    seal_device_label: str = Field("", description="Label of key and certificate on the token.")
    seal_device_issuers_file: Path | None = Field(
        None,
        description="Certificates (PEM) of those who issued the device's certificate, up to the root, where they are "
        "not on the token.",
    )
    seal_device_pin: SecretStr | None = Field(None, description="The token's PIN.")
    seal_font_file: Path = Field(
        Path("/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf"),
        description="TrueType font of the seal's visible mark, with every Vietnamese letter.",
    )
    lock_mode: str = Field(
        "governance",
        pattern="^(governance|compliance)$",
        description="Object Lock mode, final from the first put.",
    )
    quarantine_lock_days: int = Field(14, ge=1, le=3650, description="First lock of every object, in days.")
    rolling_lock_days: int = Field(
        90,
        ge=1,
        le=3650,
        description="Lock of records whose trigger is not known, that are held or that no rule speaks of, in days; "
        "renewed at half of it.",
    )
    permanent_lock_years: int = Field(
        10, ge=2, le=100, description="Lock of records that are kept for ever, in years; renewed each year."
    )
    disposal_council_size: int = Field(3, ge=1, le=99, description="Members of a council that votes on a disposal.")
    store_clock_bound_seconds: int = Field(
        300, ge=1, le=86_400, description="How far the store's clock may differ before disposals stop, in seconds."
    )
    reservation_lease_seconds: int = Field(
        900, ge=30, description="How long a deposit in progress keeps others from depositing the same bytes."
    )
    log_origin: str = Field(
        "archive.local/log",
        pattern=r"^[^\s+\x00-\x1f]{1,200}$",
        description="Name of the log and of its keys: like a URL without scheme, never used for another log.",
    )
    log_key: SecretStr | None = Field(
        None, description="The log's private keys themselves (PKCS#8), where secrets stand in a folder."
    )
    log_key_file: Path | None = Field(
        None,
        description="The log's private keys (PKCS#8), the same for every process; "
        "default: log-key.pem in the data folder, made at the first start.",
    )
    checkpoint_seconds: int = Field(
        60, ge=1, le=86_400, description="How often the log is signed and published when something was entered."
    )
    maximum_merge_delay_seconds: int = Field(
        86_400, ge=60, description="Promise of every receipt: until when its entry is in a published checkpoint."
    )
    checkpoint_lock_days: int = Field(
        3650, ge=1, le=36_500, description="Lock of published checkpoints and entries, in days."
    )
    witness_keys_file: Path | None = Field(
        None, description="Verifier keys of the witnesses whose cosignatures are kept, one a line."
    )
    job_attempts: int = Field(6, ge=1, description="Tries of follow-up work before it is parked for a person.")
    job_lease_seconds: int = Field(
        60, ge=6, description="How long a silent worker keeps its work; a living one renews its claim."
    )
    timestamp_authorities: SecretStr | None = Field(
        None,
        description="Time-stamp authorities (RFC 3161): NAME=URL, joined by commas; none: no time-stamps; default: "
        "local, a test authority that proves nothing.",
    )
    timestamp_roots_dir: Path | None = Field(
        None, description="Folder with NAME.pem for each authority: the roots that its time-stamps must lead to."
    )
    timestamp_seconds: int = Field(3_600, ge=60, description="How often what was deposited is time-stamped.")
    timestamp_timeout_seconds: int = Field(20, ge=1, le=100, description="How long an authority may take to answer.")
    timestamp_renewal_days: int = Field(
        90, ge=1, le=3650, description="Days before its certificate's end from which a time-stamp is renewed."
    )
    audit_days: int = Field(
        7, ge=0, le=366, description="How often a worker audits everything, reading every byte; 0: only by command."
    )
    audit_megabytes_per_second: float = Field(
        50.0, gt=0, le=100_000, description="How fast a worker's audit reads at most."
    )
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="Least level that is logged.")
    log_format: str = Field("json", pattern="^(json|console)$", description="Form of log lines.")
    kill_at: str | None = Field(
        None,
        pattern=rf"{KILL_POINT}|^/",
        description="For tests only: the call at which the process kills itself, as store.put:after:2, "
        "or a folder of such calls, at which requests wait to be killed.",
    )

    @property
    def register(self) -> str:
        """The register's URL, with its secret."""
        if self.register_url is not None:
            return self.register_url.get_secret_value()
        return f"sqlite:///{self.data_dir.resolve() / 'register.sqlite'}"

    @property
    def store(self) -> str:
        """The object store's URL, with its secret."""
        if self.store_url is not None:
            return self.store_url.get_secret_value()
        return f"file:{self.data_dir.resolve() / 'objects'}"

    @property
    def index(self) -> str:
        """The search index's URL, with its secret."""
        if self.index_url is not None:
            return self.index_url.get_secret_value()
        return f"embedded:{self.data_dir.resolve() / 'index'}"

    @property
    def log_keys(self) -> Path:
        """The file of the log's private keys."""
        return self.log_key_file or self.data_dir.resolve() / "log-key.pem"

    @property
    def staging(self) -> Path:
        """The folder of uploads in progress."""
        return self.staging_dir or self.data_dir.resolve() / "staging"


def load_settings() -> Settings:
    """Return the settings from the environment.

    Raises Misconfigured that names each wrong setting, never its value.
    """
    secrets = os.environ.get("ARCHIVE_SECRETS_DIR")
    if secrets and not Path(secrets).is_dir():
        # Without this the service would start on its defaults, beside the archive it was meant for.
        raise Misconfigured(
            Message("ARCHIVE_SECRETS_DIR names no folder.", "ARCHIVE_SECRETS_DIR không chỉ đến thư mục nào.")
        )
    try:
        return Settings(_secrets_dir=secrets) if secrets else Settings()
    except ValidationError as wrong:
        told = [_told(error) for error in wrong.errors()]
        raise Misconfigured(
            Message(
                f"These settings are wrong: {', '.join(one.en for one in told)}. See docs/operations.md.",
                f"Các thiết lập sau không hợp lệ: {', '.join(one.vi for one in told)}.",
            )
        ) from wrong


def _told(error: ErrorDetails) -> Message:
    """Return the setting's name, and the bound that its value is beyond; never the value."""
    name = f"ARCHIVE_{'.'.join(map(str, error['loc']))}".upper()
    bounds = error.get("ctx", {})
    if "le" in bounds:
        return Message(f"{name} (at most {bounds['le']})", f"{name} (tối đa {bounds['le']})")
    if "ge" in bounds:
        return Message(f"{name} (at least {bounds['ge']})", f"{name} (tối thiểu {bounds['ge']})")
    return Message(name, name)
