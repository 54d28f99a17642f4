"""Vietnamese text at one byte a letter: whole texts are made comparable by tables, and not word by word.

The letters of Vietnamese with their marks, small and large, are 134 beside ASCII; with what offices write between words
they fit into the values of one byte. A text of nothing else, which nearly every one is, is read here in a tenth of the
time. Any other is left to ``document``, which knows all of Unicode; both say the same of what both can read.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable

from archive_service.model.fold import OLDER_TONE, fold, lowered

# Stands between texts that are read as one. In a text itself it would part words and mean nothing: it is left out.
_MARK = "\0"
BETWEEN = f" {_MARK} "

# Stands between two texts of one document in what is made of them, so that no phrase matches across them. It is no word
# of any query, because ``fold.words`` finds letters, digits and underscores only.
SEPARATOR = "¶"

# What fills the alphabet up: no character at all.
_UNUSED = "\ufffe"
_BLANK = 0x20


def join(texts: Iterable[str]) -> str:
    """Return the texts as one, to be read at once."""
    return BETWEEN.join(text.replace(_MARK, " ") for text in texts)


def read(text: str, longest: int) -> tuple[str, str] | None:
    """Return the words of NFC ``text``, each cut to the ``longest``, joined by a blank: with their marks, and without.

    Between those of two texts that have words stands ``SEPARATOR``. None where a character is neither of the alphabet
    nor surely outside all words.
    """
    coded = _code(text)
    if coded is None:
        return None
    said = _TONED.sub(_in_older_spelling, coded.translate(_SMALL))
    if b"x" * (longest + 1) in said.translate(_SHAPE):
        said = b" ".join(word[:longest] for word in said.split())
    while b"  " in said:
        said = said.replace(b"  ", b" ")
    said = said.strip(b" ")
    if b"\0 \0" in said or said.startswith(b"\0") or said.endswith(b"\0"):
        said = b" \0 ".join(filter(None, (words.strip(b" ") for words in said.split(b"\0"))))
    return codecs.charmap_decode(said, "strict", _LETTERS)[0], said.translate(_MARKLESS).decode("latin-1")


def _code(text: str) -> bytes | None:
    """Return the text at one byte a character: a question mark for what is not of the alphabet and parts words."""
    try:
        return codecs.charmap_encode(text, "strict", _CODES)[0]
    except UnicodeEncodeError:
        strange = set(_STRANGE.findall(text))
    if any(character.isalnum() for character in strange):
        return None
    return codecs.charmap_encode(text, "replace", _CODES)[0]


def _in_older_spelling(met: re.Match[bytes]) -> bytes:
    """Return the two vowels with the tone on the first, as ``fold.one_spelling`` does."""
    vowels = met[0]
    if vowels[0] == ord("u") and met.string[met.start() - 1 : met.start()] == b"q":
        return vowels
    return _OLDER_TONE.get(vowels, vowels)


def _small_letters() -> str:
    """Return the small letters of Vietnamese that are not of ASCII."""
    tones = ("", "\u0300", "\u0301", "\u0309", "\u0303", "\u0323")
    written = (unicodedata.normalize("NFC", vowel + tone) for vowel in "aăâeêioôơuưy" for tone in tones)
    return "đ" + "".join(letter for letter in written if not letter.isascii())


def _alphabet() -> str:
    """Return the character of each byte. Those of ASCII keep their own; its control characters give up theirs."""
    beyond = iter(_small_letters() + _small_letters().upper() + "\xa0–—‘’“”…•·«»°§")
    kept = {ord(_MARK), *(code for code in range(128) if chr(code).isprintable() or chr(code).isspace())}
    return "".join(chr(code) if code in kept else next(beyond, _UNUSED) for code in range(256))


_BY_BYTE = _alphabet()
# What a text may hold to be read here.
ALPHABET = _BY_BYTE.replace(_UNUSED, "").replace(_MARK, "")
_LETTERS = _BY_BYTE.replace(_MARK, SEPARATOR)
_CODES = codecs.charmap_build(_BY_BYTE)
_STRANGE = re.compile(f"[^{re.escape(ALPHABET + _MARK)}]")


def _coded(letters: str) -> bytes:
    return codecs.charmap_encode(letters, "strict", _CODES)[0]


# Byte → that of the small letter, of a blank for what parts words.
_SMALL = bytes(
    _coded(lowered(letter))[0] if letter.isalnum() or letter in ("_", _MARK) else _BLANK for letter in _BY_BYTE
)
# Byte of a small letter → the letter without marks, in Latin-1 because of the separator.
_MARKLESS = bytes(ord(fold(letter)) if ord(fold(letter)) <= 0xFF else _BLANK for letter in _LETTERS)
# Byte → x for what is part of a word.
_SHAPE = bytes(_BLANK if letter in (" ", _MARK) else ord("x") for letter in _BY_BYTE)

_OLDER_TONE = {_coded(newer): _coded(older) for newer, older in OLDER_TONE.items()}
# Two vowels at the end of a word of which the second may bear the tone of the first: looked for broadly, because a set
# of letters is found several times as fast as alternatives.
_TONED = re.compile(b"[ou][%s](?![^ \\0])" % re.escape(bytes(sorted({vowels[1] for vowels in _OLDER_TONE}))))
