"""The report of a check: for people at a terminal in English or Vietnamese, and as JSON for programs."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain, repeat

from archive_verify.contents import is_disposal
from archive_verify.package import Package
from archive_verify.steps import Step
from archive_verify.verdicts import Findings, Verdict

Results = Sequence[tuple[Step, Findings]]

# What a shell script sees. 64 is EX_USAGE of sysexits.h, for a call that could not be understood.
EXIT_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.UNKNOWN: 2}

_WIDTH = 100
_MARGIN = " " * 28
_RECORD = {"en": "Record", "vi": "Tài liệu"}
_DISPOSAL = {"en": "Disposal", "vi": "Đợt xử lý"}
_COLOURS = {Verdict.PASS: "32", Verdict.FAIL: "31", Verdict.UNKNOWN: "33"}
_OVERALL = {
    "en": {
        Verdict.PASS: "PASS: all ten steps hold.",
        Verdict.FAIL: "FAIL: do not rely on this package.",
        Verdict.UNKNOWN: "UNKNOWN: nothing is wrong, but something could not be told.",
    },
    "vi": {
        Verdict.PASS: "ĐẠT (PASS): cả mười bước đều đúng.",
        Verdict.FAIL: "KHÔNG ĐẠT (FAIL): không được dựa vào gói này.",
        Verdict.UNKNOWN: "CHƯA RÕ (UNKNOWN): không thấy sai, nhưng có điều chưa xác định được.",
    },
}
_LIMITS = {
    "en": (
        "Not covered by any signature: the text of README.txt, and the files under trust/ and checker/; use your own. "
        "Not shown by a package: events that are not in it. Ask the log, or a witness, for what came after."
    ),
    "vi": (
        "Không được chữ ký nào bảo vệ: nội dung README.txt, các tệp trong trust/ và checker/; hãy dùng bản của bạn. "
        "Gói không cho biết các sự kiện không có trong gói: hãy hỏi nhật ký hoặc người chứng kiến về những gì "
        "xảy ra sau đó."
    ),
}


def overall(results: Results) -> Verdict:
    """Return FAIL if any step failed, else UNKNOWN if any is unknown, else PASS."""
    verdicts = {findings.verdict for _, findings in results}
    return next(verdict for verdict in (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS) if verdict in verdicts)


def as_json(package: Package, results: Results) -> str:
    """Return the report as one JSON object."""
    report = {
        "disposal" if is_disposal(package) else "record": package.folder,
        "verdict": overall(results),
        "steps": [
            {
                "number": number,
                "name": step.name,
                "verdict": findings.verdict,
                "sentence": asdict(step.sentence(findings.verdict)),
                "details": findings.details,
            }
            for number, (step, findings) in enumerate(results, start=1)
        ],
    }
    return json.dumps(report, ensure_ascii=False, indent=2)


def as_text(package: Package, results: Results, language: str, *, colour: bool) -> str:
    """Return the report as lines for a terminal. Details are English: they name standards and parts of the package."""
    kind = _DISPOSAL if is_disposal(package) else _RECORD
    lines = [f"{kind[language]} {_printable(package.folder)}", ""]
    for number, (step, findings) in enumerate(results, start=1):
        verdict = findings.verdict
        title, sentence = step.title.get(language), step.sentence(verdict).get(language)
        lines.append(f"{number:2}  {_coloured(f'{verdict:7}', verdict, colour)}  {title:13}  {sentence}")
        for detail in findings.details:
            wrapped = textwrap.wrap(_printable(detail), _WIDTH - len(_MARGIN) - 2)
            lines += [f"{_MARGIN}{mark} {line}" for mark, line in zip(chain("·", repeat(" ")), wrapped, strict=False)]
    verdict = overall(results)
    lines += ["", _coloured(_OVERALL[language][verdict], verdict, colour), ""]
    return "\n".join([*lines, *textwrap.wrap(_LIMITS[language], _WIDTH)])


def _coloured(text: str, verdict: Verdict, colour: bool) -> str:
    return f"\x1b[{_COLOURS[verdict]}m{text}\x1b[0m" if colour else text


def _printable(text: str) -> str:
    """Return text without control characters: names in a package must not steer the auditor's terminal."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
