"""A line of text in a request: which signs it takes."""

from __future__ import annotations

import sys
import unicodedata

from marshmallow import ValidationError

from archive_service.api.reading import Line


def test_a_line_takes_every_sign_but_control_characters_and_lone_surrogates() -> None:
    """Categories Cc and Cs of Unicode."""
    line = Line()
    refused = set()
    for code_point in range(sys.maxunicode + 1):
        try:
            line.deserialize(f"a{chr(code_point)}a")
        except ValidationError:
            refused.add(code_point)
    assert refused == {at for at in range(sys.maxunicode + 1) if unicodedata.category(chr(at)) in {"Cc", "Cs"}}
