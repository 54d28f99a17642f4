"""Words made comparable: Vietnamese with its marks, and the same without them.

``fold`` maps one code point to one code point, so an offset in folded text is an offset in the text it came
from. Both search engines are given the words that ``words`` finds, so that neither splits a text its own way.
"""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"\w+")

# Letters whose mark is not a combining one, so that decomposition does not remove it.
_STROKED = {"đ": "d", "Đ": "d", "ð": "d", "Ð": "d", "ø": "o", "Ø": "o", "ł": "l", "Ł": "l"}

# Where the tone of an open syllable in oa, oe, uy is written is a matter of school: hoà and hòa are one word.
# The newer spelling is read as the older one; "qu" is a consonant, so quý stays as it is.
_NEWER_TONE = re.compile(r"o[àáảãạèéẻẽẹ](?!\w)|(?<!q)u[ỳýỷỹỵ](?!\w)")
OLDER_TONE = dict(
    zip(
        ["oà", "oá", "oả", "oã", "oạ", "oè", "oé", "oẻ", "oẽ", "oẹ", "uỳ", "uý", "uỷ", "uỹ", "uỵ"],
        ["òa", "óa", "ỏa", "õa", "ọa", "òe", "óe", "ỏe", "õe", "ọe", "ùy", "úy", "ủy", "ũy", "ụy"],
        strict=True,
    )
)


class _FoldTable(dict[int, str]):
    """Code point → its folded letter, filled as letters are met."""

    def __missing__(self, code_point: int) -> str:
        letter = chr(code_point)
        base = _STROKED.get(letter) or unicodedata.normalize("NFD", letter)[0]
        lowered = base.lower()
        folded = lowered if len(lowered) == 1 else base
        self[code_point] = folded
        return folded


_FOLDED = _FoldTable()


def normalise(text: str) -> str:
    """Return ``text`` in NFC, the one form that is kept and indexed (Unicode Annex 15)."""
    return unicodedata.normalize("NFC", text)


def lowered(text: str) -> str:
    """Return ``text`` in lower case, each code point still one code point.

    >>> lowered("Bảo HIỂM")
    'bảo hiểm'
    """
    small = text.lower()
    if len(small) == len(text):
        return small
    return "".join(c if len(c.lower()) != 1 else c.lower() for c in text)


def fold(text: str) -> str:
    """Return NFC ``text`` in lower case without tone and vowel marks, as long as it was.

    >>> fold("Quyết định số 1234/QĐ-BHXH")
    'quyet dinh so 1234/qd-bhxh'
    """
    return text.lower() if text.isascii() else text.translate(_FOLDED)


def words(text: str) -> list[str]:
    """Return the words of NFC ``text`` in lower case with their marks, in order, each spelling as one word.

    >>> words("Số: 1234/QĐ-BHXH")
    ['số', '1234', 'qđ', 'bhxh']
    >>> words("Hoà Quý") == words("Hòa Quý")
    True
    """
    return _WORD.findall(one_spelling(lowered(text)))


def one_spelling(text: str) -> str:
    """Return lower-case NFC ``text`` with tones of oa, oe and uy on the first vowel, as long as it was.

    >>> one_spelling("hoà thuý hoàn quý")
    'hòa thúy hoàn quý'
    """
    return text if text.isascii() else _NEWER_TONE.sub(lambda met: OLDER_TONE[met[0]], text)


def word_spans(text: str) -> list[tuple[int, int]]:
    """Return where each word of NFC ``text`` begins and ends, as offsets in code points."""
    return [match.span() for match in _WORD.finditer(text)]
