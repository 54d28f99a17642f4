"""Everything a sandboxed process can be asked for, with what is loaded before the first one.

It must never be imported by the archive's own processes: the libraries that read PDF live in the sandbox only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from archive_service.pdf.drawing import list_fonts
from archive_service.pdf.fonts import invisible_font_program
from archive_service.pdf.inspect import inspect
from archive_service.pdf.ocr import MissingLanguage, Recogniser
from archive_service.pdf.pdfa import Materials, make_pdfa
from archive_service.pdf.sandbox_server import Task
from archive_service.pdf.text import read_text
from archive_service.pdf.trial import trial_pdf

_TRIAL = {"max_pages": 1, "max_decoded_bytes": 1 << 30, "ocr_dpi": 200}
_TRIAL_ASIDE = json.dumps(
    {
        "title": "trial",
        "at": "2026-01-01T00:00:00+00:00",
        "agency": "trial",
        "reserved_bytes": 16,
        "pages": [{"text": "", "places": None}],
    }
).encode()


def load(options: Mapping[str, Any]) -> Mapping[str, Task]:
    """Load the libraries and the models of ``languages``, and return the tasks by name.

    A missing model is told when words must be recognised: inspecting does not depend on it.
    """
    languages: str = options["languages"]
    try:
        recogniser = Recogniser(languages)
    except MissingLanguage:
        recogniser = None
    tasks: Mapping[str, Task] = {
        "inspect": inspect,
        "text": partial(read_text, recogniser=recogniser, vietnamese="vie" in languages.split("+")),
        "pdfa": partial(make_pdfa, materials=Materials(invisible_font_program(), options["seal_font"])),
    }
    list_fonts()
    _warm_up(tasks)
    return tasks


def _warm_up(tasks: Mapping[str, Task]) -> None:
    """Run every task once on a PDF of our own: what libraries set up at their first use is inherited then."""
    trial = os.memfd_create("trial")
    try:
        os.write(trial, trial_pdf())
        for task in tasks.values():
            task(trial, {**_TRIAL, "aside": _TRIAL_ASIDE}, lambda _: None)
    finally:
        os.close(trial)
