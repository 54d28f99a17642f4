"""Convincing somebody who does not trust the archive, with nothing of the archive but the package and the checker."""

from __future__ import annotations

from tests.evidence.test_package import by_hand, unpacked
from tests.journeys.conftest import Desk
from tests.running import wait_for

# A checkpoint is due every two seconds here; a time-stamp every minute.
_STAMPED_SECONDS = 150


def evidence_convinces_who_trusts_nobody_here(desk: Desk, record_id: str) -> None:
    """Export the record's package and check it as an auditor would, rightly, wrongly, and by hand.

    He has seen the log himself, and knows its key and whom to trust for time-stamps and signatures.
    """
    wait_for("the record is time-stamped", lambda: is_stamped(desk, record_id), _STAMPED_SECONDS)
    log_keys = desk.folder / "log.vkey"
    shown = desk.service.run("log", "key", "show", "--json")
    log_keys.write_text("".join(f"{key}\n" for key in shown.json["verifier_keys"]), encoding="ascii")
    desk.auditor.cosign(desk.service.url, desk.key, log_keys)
    package = desk.folder / "evidence.zip"
    done = desk.service.run(
        *("evidence", "export", record_id, "-o", str(package), "--json"), settings=desk.client_settings()
    )
    assert done.code == 0, done.err
    content = package.read_bytes()
    folder = unpacked(content, desk.folder / "unpacked")
    own = ["--log-key", str(log_keys), "--witness-key", str(desk.auditor.verifier_key_file)]
    for kind, others in (("tsa", desk.folder / "authorities"), ("agency", desk.folder / "agencies")):
        roots = [*(folder / "data/trust" / kind).glob("*"), *others.glob("*")]
        own += [word for root in roots for word in (f"--{kind}-root", str(root))]
    assert desk.auditor.verdicts(package, *own) == ["PASS"] * 10
    told = desk.auditor.verdicts(package)
    assert (told[5], told[8]) == ("UNKNOWN", "UNKNOWN"), "without roots of his own nobody is convinced"
    lines = by_hand(folder)
    assert "OK original" in lines
    assert any(line.startswith("OK in the log") for line in lines)
    if (folder / "data/renditions/sealed.pdf").exists():
        assert {"OK sealed", "OK signature data/renditions/sealed.pdf"} <= set(lines)
    changed = desk.folder / "changed.zip"
    middle = content.index(b"%PDF-") + 100
    changed.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    refused = desk.auditor.verdicts(changed, *own)
    assert (refused[0], refused[1]) == ("FAIL", "FAIL")


def is_stamped(desk: Desk, record_id: str) -> bool:
    return desk.http.get(f"/records/{record_id}/evidence-record").status_code == 200
