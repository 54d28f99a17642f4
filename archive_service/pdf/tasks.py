"""Everything a sandboxed process can be asked for, with what is loaded before the first one.

It must never be imported by the archive's own processes: the libraries that read PDF live in the sandbox only.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from archive_service.pdf.inspect import inspect
from archive_service.pdf.ocr import MissingLanguage, Recogniser
from archive_service.pdf.sandbox_server import Task
from archive_service.pdf.text import read_text


def load(options: Mapping[str, Any]) -> Mapping[str, Task]:
    """Load the libraries and the models of ``languages``, and return the tasks by name.

    A missing model is told when words must be recognised: inspecting does not depend on it.
    """
    languages: str = options["languages"]
    try:
        recogniser = Recogniser(languages)
    except MissingLanguage:
        recogniser = None
    return {
        "inspect": inspect,
        "text": partial(read_text, recogniser=recogniser, vietnamese="vie" in languages.split("+")),
    }
