"""What acts in a PDF is found wherever it hides, and what only looks so is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pikepdf import Dictionary, Name

from archive_service.model.findings import FindingCode as Code
from archive_service.model.inspection import Inspection, PdfFacts
from tests.pdf import documents as make

Inspect = Callable[[bytes], Inspection]


def facts(inspection: Inspection) -> PdfFacts:
    assert isinstance(inspection, PdfFacts), inspection
    return inspection


SCRIPT = b"<< /S /JavaScript /JS (app.alert\\(1\\)) >>"
FILE = b"<< /Type /Filespec /F (a.exe) /EF << /F 5 0 R >> >>"
ACTIVE: list[tuple[str, dict[str, Any], Code]] = [
    ("open action", {"catalogue": b"/OpenAction " + SCRIPT}, Code.JAVASCRIPT),
    (
        "name tree",
        {"catalogue": b"/Names << /JavaScript << /Names [(a) 4 0 R] >> >>", "more": [SCRIPT]},
        Code.JAVASCRIPT,
    ),
    ("page's additional action", {"page": b"/AA << /O " + SCRIPT + b" >>"}, Code.JAVASCRIPT),
    ("annotation", {"page": b"/Annots [<< /Subtype /Link /A " + SCRIPT + b" >>]"}, Code.JAVASCRIPT),
    (
        "field",
        {"catalogue": b"/AcroForm << /Fields [<< /T (a) /AA << /K " + SCRIPT + b" >> >>] >>"},
        Code.JAVASCRIPT,
    ),
    ("escaped name", {"catalogue": b"/OpenAction << /S /J#61vaScript >>"}, Code.JAVASCRIPT),
    ("next action", {"catalogue": b"/OpenAction << /S /GoTo /Next [" + SCRIPT + b"] >>"}, Code.JAVASCRIPT),
    ("unreachable", {"more": [SCRIPT]}, Code.JAVASCRIPT),
    (
        "launch",
        {"page": b"/Annots [<< /Subtype /Link /A << /S /Launch /F (a.exe) >> >>]"},
        Code.LAUNCH_ACTION,
    ),
    (
        "file",
        {"catalogue": b"/Names << /EmbeddedFiles << /Names [(a) 4 0 R] >> >>", "more": [FILE]},
        Code.EMBEDDED_FILES,
    ),
    ("associated file", {"catalogue": b"/AF [" + FILE + b"]"}, Code.EMBEDDED_FILES),
    ("attached file", {"page": b"/Annots [<< /Subtype /FileAttachment >>]"}, Code.EMBEDDED_FILES),
    ("XFA", {"catalogue": b"/AcroForm << /Fields [] /XFA (x) >>"}, Code.XFA_FORM),
    ("external", {"more": [b"<< /Length 0 /F (http://a) >>\nstream\n\nendstream"]}, Code.EXTERNAL_STREAM),
    ("video", {"page": b"/Annots [<< /Subtype /RichMedia >>]"}, Code.RICH_MEDIA),
    ("film", {"page": b"/Annots [<< /Subtype /Movie >>]"}, Code.RICH_MEDIA),
    ("sound", {"page": b"/Annots [<< /Subtype /Sound >>]"}, Code.RICH_MEDIA),
    ("screen", {"page": b"/Annots [<< /Subtype /Screen >>]"}, Code.RICH_MEDIA),
    ("3D", {"page": b"/Annots [<< /Subtype /3D >>]"}, Code.RICH_MEDIA),
    (
        "submit",
        {"page": b"/Annots [<< /Subtype /Widget /A << /S /SubmitForm /F (http://a) >> >>]"},
        Code.REMOTE_ACTION,
    ),
    ("import", {"catalogue": b"/OpenAction << /S /ImportData /F (a) >>"}, Code.REMOTE_ACTION),
    ("other file", {"catalogue": b"/OpenAction << /S /GoToR /F (a.pdf) >>"}, Code.REMOTE_ACTION),
    ("embedded", {"catalogue": b"/OpenAction << /S /GoToE /T << >> >>"}, Code.REMOTE_ACTION),
    (
        "web page that opens by itself",
        {"catalogue": b"/OpenAction << /S /URI /URI (http://a) >>"},
        Code.REMOTE_ACTION,
    ),
]


@pytest.mark.parametrize(("parts", "expected"), [case[1:] for case in ACTIVE], ids=[case[0] for case in ACTIVE])
def test_active_content_is_found_wherever_it_hides(inspected: Inspect, parts: dict[str, Any], expected: Code) -> None:
    assert facts(inspected(make.one_page(**parts))).active_content == (expected,)


def test_active_content_in_an_object_stream_is_found(inspected: Inspect) -> None:
    content = make.hidden_in_object_stream(Dictionary(S=Name.JavaScript, JS="app.alert(1)"))
    assert b"JavaScript" not in content
    assert facts(inspected(content)).active_content == (Code.JAVASCRIPT,)


def test_active_content_of_an_earlier_revision_is_found(inspected: Inspect) -> None:
    first = make.one_page(catalogue=b"/OpenAction " + SCRIPT)
    content = make.updated(first, {1: make.CATALOGUE % b""}, size=4)
    assert facts(inspected(content)).active_content == (Code.JAVASCRIPT,)


def test_what_only_looks_active_is_not(inspected: Inspect) -> None:
    link = b"/Annots [<< /Subtype /Link /A << /S /URI /URI (http://a/JavaScript) >> >>]"
    assert facts(inspected(make.one_page(page=link))).active_content == ()
    words = b"/Note (this is no /JS and no << /S /Launch >>)"
    assert facts(inspected(make.one_page(catalogue=words))).active_content == ()
