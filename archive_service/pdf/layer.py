"""Judges a page's text layer: whether its words are the page's words, or recognising them is better.

It must never know what a word means: only letters are counted. Written for Vietnamese, whose words are short, have
a vowel each and use a known set of letters; the rules hold for English and for French as well.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum

# Of all characters, so many may be unreadable: replacement, private use, control. A clean layer has none.
_MOST_UNREADABLE = 0.03
# Of all characters but blanks and dot leaders, so many are letters or digits in any real text.
_LEAST_LETTERS = 0.5
# Of all words, so many may be odd: Vietnamese in a font of its own encoding (TCVN3, VNI) or in UTF-8 taken for
# Latin-1 has a foreign letter or a sign in every other word, French in one of ten.
_MOST_ODD_WORDS = 0.2
# Of all words of three letters and more, so many may lack a vowel: abbreviations do, words do not.
_MOST_VOWELLESS = 0.4
# Words of a page that tell no share yet.
_FEW_WORDS = 8
# A page that is one large image: a layer of fewer letters may be no more than a stamp on the scan.
_STAMP_LETTERS = 150
_IMAGE_PAGE = 0.5
# Vietnamese without its marks is a layer made by recognising the wrong language.
_LEAST_MARKED_WORDS = 0.1

_VIETNAMESE = frozenset("àáâãèéêìíòóôõùúýăđĩũơư")
_ODD_CATEGORIES = frozenset(("Sm", "Sc", "Sk", "So", "No", "Pi", "Pf", "Cf", "Cc", "Co", "Cn"))
_VOWELS = frozenset("aeiouy")
_LEADERS = re.compile(r"[\s._…·\-–—=*]+")
_PUNCTUATION = ".,;:!?()[]{}<>\"'“”‘’«»/\\|-–—…·•*+=&%#@°№§_~^$€₫"


class Layer(Enum):
    """What a page's text layer is worth."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Shares:
    """A text in numbers: how many letters and words, and what part of them is marked, odd, unreadable."""

    letters: int
    words: int
    marked: float
    odd: float
    vowelless: float
    unreadable: float
    lettered: float


def clean(text: str) -> str:
    r"""Return the text in NFC, with plain line ends and without characters that nobody can read.

    >>> clean("Quy\u0065\u0302\u0301t\r\nđịnh\x00\ufffe")
    'Quyết\nđịnh'
    """
    composed = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n"))
    kept = (c for c in composed if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs", "Cn"))
    return "\n".join(line.rstrip() for line in "".join(kept).split("\n")).strip("\n")


def shares_of(text: str, *, vietnamese: bool = True) -> Shares:
    """Return the numbers that the judgement rests on; which letters are odd depends on the language."""
    solid = _LEADERS.sub("", text)
    letters = sum(c.isalpha() for c in solid)
    stripped = (word.strip(_PUNCTUATION) for word in text.split())
    words = [word for word in stripped if any(c.isalpha() for c in word)]
    long_words = [_base_letters(word) for word in words if len(word) >= 3 and word.isalpha()]
    return Shares(
        letters=letters,
        words=len(words),
        marked=_share(sum(_is_marked(word) for word in words), len(words)),
        odd=_share(sum(_is_odd(word, vietnamese) for word in words), len(words)),
        vowelless=_share(sum(not _VOWELS & set(word) for word in long_words), len(long_words)),
        unreadable=_share(sum(_is_unreadable(c) for c in solid), len(solid)),
        lettered=_share(sum(c.isalnum() for c in solid), len(solid)),
    )


def judge(text: str, image_share: float, *, vietnamese: bool) -> Layer:
    """Return what the layer ``text`` of a page is worth; images cover ``image_share`` of the page's area.

    >>> judge("Cộng hòa xã hội chủ nghĩa Việt Nam, Độc lập - Tự do", 0.0, vietnamese=True)
    <Layer.GOOD: 'good'>
    >>> judge("Céng hßa x· héi chñ nghÜa ViÖt Nam, §éc lËp - Tù do", 0.0, vietnamese=True)
    <Layer.BAD: 'bad'>
    """
    seen = shares_of(text, vietnamese=vietnamese)
    if seen.letters == 0 or seen.unreadable > _MOST_UNREADABLE or seen.lettered < _LEAST_LETTERS:
        return Layer.BAD
    if seen.words >= _FEW_WORDS and (seen.odd > _MOST_ODD_WORDS or seen.vowelless > _MOST_VOWELLESS):
        return Layer.BAD
    if image_share >= _IMAGE_PAGE:
        unmarked = vietnamese and seen.words >= _FEW_WORDS and seen.marked < _LEAST_MARKED_WORDS
        if seen.letters < _STAMP_LETTERS or unmarked:
            return Layer.DOUBTFUL
    return Layer.GOOD


def says_more(recognised: str, layer: str) -> bool:
    """Whether recognised words are to be preferred to a doubtful layer: more of them, or marked where it is not.

    >>> says_more("Quyết định của Giám đốc Bảo hiểm xã hội", "Đã ký")
    True
    """
    ours, theirs = shares_of(recognised), shares_of(layer)
    return ours.letters > theirs.letters * 1.2 or ours.marked > theirs.marked + _LEAST_MARKED_WORDS


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _base_letters(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", word.lower()) if not unicodedata.combining(c))


def _is_marked(word: str) -> bool:
    return any(c in _VIETNAMESE or "\u1ea0" <= c <= "\u1ef9" for c in word.lower())


def _is_odd(word: str, vietnamese: bool) -> bool:
    """Whether the word has a sign among its letters, or a letter of Latin-1 that Vietnamese does not write."""
    return any(
        unicodedata.category(c) in _ODD_CATEGORIES
        or (vietnamese and "\u00aa" <= c <= "\u00ff" and c.lower() not in _VIETNAMESE)
        for c in word
    )


def _is_unreadable(character: str) -> bool:
    return character == "\ufffd" or unicodedata.category(character) in ("Co", "Cn", "Cc")
