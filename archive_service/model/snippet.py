"""The piece of a text that shows why it was found, with the words that were asked for marked.

Made from the register's text and not by a search engine, so that both engines give the same. Offsets are code
points of the text as it was given: folding is one to one (``fold``). Pure; linear in the length of the text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from archive_service.model.fold import fold, lowered, one_spelling, word_spans
from archive_service.model.query import Clause, ParsedQuery

# Code points shown: three to four lines of a result list.
DEFAULT_WIDTH = 240

# Places looked at in one text: a word that is met more often makes no better snippet after so many.
_MAXIMUM_PLACES = 20_000
_SHORTEST_FORGIVEN = 4

# A book is read to its end only where its first pages do not hold everything that was asked for.
_BEGINNING = 30_000
_EXACT_WORTH = 4
_FOLDED_WORTH = 3
_BLANKS = re.compile(r"\s")
_WORD = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of a text; ``marks`` are where words asked for begin and end in it, in order, not touching."""

    text: str
    marks: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    """A clause met in the text: from ``start`` to ``end``, which clause, and how well."""

    start: int
    end: int
    clause: int
    worth: int


def snippet(text: str, query: ParsedQuery, width: int = DEFAULT_WIDTH) -> Snippet | None:
    """Return the piece of NFC ``text`` of about ``width`` code points with most of what was asked for.

    A window with more different clauses is better, then one with more of them in their exact marks, then the
    earlier one. A phrase is marked where its words stand in a row. Where no clause is met, words with one
    wrong letter are marked. Blanks of every kind become single-width ones, so that the piece is one line.

    Returns:
        None when nothing that was asked for is in the text.
    """
    wanted = query.wanted
    if not wanted or not text:
        return None
    places = _places_in_beginning(text, wanted) or _places(text, wanted) or _inexact_places(fold(text), wanted)
    if not places:
        return None
    first, last = _best_window(places, width)
    start, end = _cut(text, (places[first].start, max(place.end for place in places[first : last + 1])), width)
    shown = _BLANKS.sub(" ", text[start:end])
    marks = _joined(
        (place.start - start, place.end - start) for place in places if place.start >= start and place.end <= end
    )
    before, after = ("…" if start > 0 else ""), ("…" if end < len(text) else "")
    return Snippet(before + shown + after, tuple((begin + len(before), stop + len(before)) for begin, stop in marks))


def _places_in_beginning(text: str, wanted: Sequence[Clause]) -> list[_Place]:
    """Return the places in the first pages of a long text if they hold every clause, else nothing."""
    end = text.rfind(" ", 0, _BEGINNING)
    if len(text) <= _BEGINNING or end < 0:
        return []
    places = _places(text[:end], wanted)
    return places if len({place.clause for place in places}) == len(wanted) else []


def _places(text: str, wanted: Sequence[Clause]) -> list[_Place]:
    """Return where the clauses are met, exact or without marks, in the order of the text."""
    folded = fold(text)
    exact = one_spelling(lowered(text))
    places: list[_Place] = []
    for number, clause in enumerate(wanted):
        ending = r"\w*" if clause.code else ""  # a number is found by its beginning too
        typed = _row(clause.words, ending)
        for start, end in islice(_rows([fold(word) for word in clause.words], ending, folded), _MAXIMUM_PLACES):
            is_exact = typed.fullmatch(exact, start, end) is not None
            places.append(_Place(start, end, number, _EXACT_WORTH if is_exact else _FOLDED_WORTH))
    return sorted(places)


def _rows(words: Sequence[str], ending: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield where the words stand in a row; seeking the first one plainly is several times faster."""
    row = _row(words, ending)
    start = text.find(words[0])
    while start >= 0:
        met = row.match(text, start) if start == 0 or not _WORD.match(text, start - 1) else None
        if met:
            yield met.span()
        start = text.find(words[0], met.end() if met else start + 1)


def _row(words: Sequence[str], ending: str) -> re.Pattern[str]:
    """Return the pattern of whole words in a row, whatever stands between them that is no word."""
    return re.compile(r"\W+".join(map(re.escape, words)) + ending + r"(?!\w)")


def _inexact_places(folded: str, wanted: Sequence[Clause]) -> list[_Place]:
    """Return where words with at most one wrong letter are met."""
    asked = [(number, fold(word)) for number, clause in enumerate(wanted) for word in clause.words]
    alike: dict[str, int | None] = {}
    places: list[_Place] = []
    for start, end in word_spans(folded):
        word = folded[start:end]
        if word not in alike:
            alike[word] = next((number for number, other in asked if is_alike(word, other)), None)
        number = alike[word]
        if number is not None:
            places.append(_Place(start, end, number, _FOLDED_WORTH))
            if len(places) >= _MAXIMUM_PLACES:
                break
    return places


def is_alike(word: str, other: str) -> bool:
    """Return whether two folded words are one, or a letter apart where the asked one is long and no number.

    A letter apart is one more, one fewer, another one, or two neighbours exchanged.

    >>> is_alike("nghlep", "nghiep"), is_alike("nhgiep", "nghiep"), is_alike("xa", "ba")
    (True, True, False)
    """
    if word == other:
        return True
    if len(other) < _SHORTEST_FORGIVEN or not other.isalpha() or abs(len(word) - len(other)) > 1:
        return False
    same = 0
    shorter = min(len(word), len(other))
    while same < shorter and word[same] == other[same]:
        same += 1
    if len(word) == len(other):
        exchanged = word[same + 1 : same + 2] + word[same : same + 1] + word[same + 2 :]
        return word[same + 1 :] == other[same + 1 :] or exchanged == other[same:]
    longer_rest, shorter_rest = (word, other) if len(word) > len(other) else (other, word)
    return longer_rest[same + 1 :] == shorter_rest[same:]


def _best_window(places: Sequence[_Place], width: int) -> tuple[int, int]:
    """Return the first and last place of the best window that is no wider than ``width``.

    The window slides over the places once. It lets go of a first place that is too far away, or that adds
    nothing.
    """
    counts: Counter[tuple[int, int]] = Counter()
    best, best_worth = (0, 0), (-1, -1, -len(places))
    first = 0
    for last, place in enumerate(places):
        counts[place.clause, place.worth] += 1
        while first < last and (place.end - places[first].start > width or _adds_nothing(places[first], counts)):
            counts[places[first].clause, places[first].worth] -= 1
            first += 1
        worth = (*_worth(counts), places[first].start - place.end)
        if worth > best_worth:
            best, best_worth = (first, last), worth
    return best


def _adds_nothing(place: _Place, counts: Counter[tuple[int, int]]) -> bool:
    if counts[place.clause, place.worth] > 1:
        return True
    return place.worth < _EXACT_WORTH and counts[place.clause, _EXACT_WORTH] > 0


def _worth(counts: Counter[tuple[int, int]]) -> tuple[int, int]:
    """Return how many clauses a window holds, and how well."""
    best: dict[int, int] = {}
    for (clause, worth), count in counts.items():
        if count:
            best[clause] = max(worth, best.get(clause, 0))
    return len(best), sum(best.values())


def _cut(text: str, core: tuple[int, int], width: int) -> tuple[int, int]:
    """Return the piece around ``core``, widened to ``width`` and to where words end."""
    spare = max(width - (core[1] - core[0]), 0)
    start = max(core[0] - spare // 2, 0)
    end = min(max(start + width, core[1]), len(text))
    start = max(min(start, end - width), 0) if end - core[1] < spare // 2 else start
    if start > 0:
        blank = _BLANKS.search(text, start, core[0])
        start = blank.end() if blank else start
    if end < len(text):
        tail = text[core[1] : end]
        kept = max(tail.rfind(" "), tail.rfind("\n"))
        end = core[1] + kept if kept >= 0 else end
    return start, end


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans in order, those that overlap or touch made one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
