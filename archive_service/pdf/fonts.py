"""The two fonts of a sealed rendition, both embedded: letters for the visible mark, and none for the words of a scan.

Both are composite fonts whose codes are glyph or character numbers, with a table back to Unicode, so that words can be
searched and copied (ISO 32000-1 §9.7.6, §9.10.3). Embedding and widths: ISO 19005-2 §6.2.11.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pikepdf
from fontTools.fontBuilder import FontBuilder  # type: ignore[import-untyped]  # fontTools ships no types
from fontTools.subset import Options, Subsetter  # type: ignore[import-untyped]
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]
from fontTools.ttLib.tables._g_l_y_f import Glyph  # type: ignore[import-untyped]
from pikepdf import Array, Dictionary, Name, String

_EM = 1000
# Every glyph of the invisible font is this wide; what a word's real width is, its text matrix says.
INVISIBLE_WIDTH = 500
_SYMBOLIC = 4


def invisible_font_program() -> bytes:
    """Return a TrueType font whose one glyph beside .notdef is empty: it holds a word's place and draws nothing."""
    builder = FontBuilder(_EM, isTTF=True)
    builder.setupGlyphOrder([".notdef", "nothing"])
    builder.setupCharacterMap({0x20: "nothing"})
    builder.setupGlyf({".notdef": Glyph(), "nothing": Glyph()})
    builder.setupHorizontalMetrics(dict.fromkeys((".notdef", "nothing"), (INVISIBLE_WIDTH, 0)))
    builder.setupHorizontalHeader(ascent=_EM, descent=0)
    builder.setupOS2()
    builder.setupNameTable({"familyName": "Nothing", "styleName": "Regular"})
    builder.setupPost()
    # A fixed time, so that the program is the same at every start: 1970, in seconds since 1904.
    builder.font["head"].created = builder.font["head"].modified = 2_082_844_800
    return _saved(builder.font)


def invisible_font(pdf: pikepdf.Pdf, program: bytes) -> pikepdf.Object:
    """Add the invisible font to a document: codes are UTF-16 units, and all are drawn as nothing."""
    to_glyph = pdf.make_stream(b"\0\1" * 65_536)
    to_unicode = pdf.make_stream(_to_unicode("<0000> <ffff> <0000>"))
    descendant = _descendant(pdf, "Nothing", program, (0, 0, INVISIBLE_WIDTH, _EM))
    descendant[Name.CIDToGIDMap] = to_glyph
    descendant[Name.DW] = INVISIBLE_WIDTH
    return _composite(pdf, "Nothing", descendant, to_unicode)


def invisible_codes(word: str) -> bytes:
    """Return a word as codes of the invisible font; letters beyond the first plane, which no result has, are left out.

    >>> invisible_codes("Số").hex()
    '00531ed1'
    """
    return "".join(letter for letter in word if ord(letter) < 0x10000).encode("utf-16-be", "ignore")


@dataclass(frozen=True, slots=True)
class Lettering:
    """The part of a font that some lines need: its program, and glyph number and width of each letter."""

    program: bytes
    name: str
    glyphs: dict[str, int]
    widths: dict[str, int]
    ascent: int
    descent: int

    def width(self, line: str) -> float:
        """Return the width of a line in sizes of the font."""
        return sum(self.widths[letter] for letter in line) / _EM

    def codes(self, line: str) -> bytes:
        """Return a line as the codes that the embedded font shows."""
        return b"".join(self.glyphs[letter].to_bytes(2, "big") for letter in line)


def lettering(file: Path, letters: str) -> Lettering:
    """Return the part of the TrueType font in the file that has these letters; one it lacks is shown as a box.

    Raises OSError, and fontTools' TTLibError, when the file is no font.
    """
    font = TTFont(file, lazy=False)
    options = Options(layout_features=[], hinting=False, notdef_outline=True, name_IDs=[], glyph_names=False)
    options.drop_tables += ["FFTM", "GDEF", "GPOS", "GSUB", "kern", "DSIG", "meta"]
    subsetter = Subsetter(options)
    subsetter.populate(text=letters)
    subsetter.subset(font)
    scale = _EM / font["head"].unitsPerEm
    named = font.getBestCmap()
    glyph_of = {letter: named.get(ord(letter), ".notdef") for letter in set(letters)}
    return Lettering(
        program=_saved(font),
        name="Seal",
        glyphs={letter: font.getGlyphID(name) for letter, name in glyph_of.items()},
        widths={letter: round(font["hmtx"][name][0] * scale) for letter, name in glyph_of.items()},
        ascent=round(font["hhea"].ascent * scale),
        descent=round(font["hhea"].descent * scale),
    )


def visible_font(pdf: pikepdf.Pdf, letters: Lettering) -> pikepdf.Object:
    """Add the lettering to a document as a font whose codes are glyph numbers."""
    name = f"AAAAAA+{letters.name}"
    ordered = sorted(letters.glyphs.items(), key=lambda pair: pair[1])
    to_unicode = pdf.make_stream(
        _to_unicode(*(f"<{glyph:04x}> <{glyph:04x}> <{letter.encode('utf-16-be').hex()}>" for letter, glyph in ordered))
    )
    descendant = _descendant(pdf, name, letters.program, (0, letters.descent, 2 * _EM, letters.ascent))
    descendant[Name.CIDToGIDMap] = Name.Identity
    widths = Array()
    for letter, glyph in ordered:
        widths.append(glyph)
        widths.append(Array([letters.widths[letter]]))
    descendant[Name.W] = widths
    return _composite(pdf, name, descendant, to_unicode)


def _descendant(pdf: pikepdf.Pdf, name: str, program: bytes, box: tuple[int, int, int, int]) -> pikepdf.Dictionary:
    descriptor = Dictionary(
        Type=Name.FontDescriptor,
        FontName=Name(f"/{name}"),
        Flags=_SYMBOLIC,
        FontBBox=Array(box),
        ItalicAngle=0,
        Ascent=box[3],
        Descent=box[1],
        CapHeight=box[3],
        StemV=80,
        FontFile2=pdf.make_stream(program, Length1=len(program)),
    )
    return Dictionary(
        Type=Name.Font,
        Subtype=Name.CIDFontType2,
        BaseFont=Name(f"/{name}"),
        CIDSystemInfo=Dictionary(Registry=String("Adobe"), Ordering=String("Identity"), Supplement=0),
        FontDescriptor=pdf.make_indirect(descriptor),
    )


def _composite(
    pdf: pikepdf.Pdf, name: str, descendant: pikepdf.Dictionary, to_unicode: pikepdf.Stream
) -> pikepdf.Object:
    return pdf.make_indirect(
        Dictionary(
            Type=Name.Font,
            Subtype=Name.Type0,
            BaseFont=Name(f"/{name}"),
            Encoding=Name("/Identity-H"),
            DescendantFonts=Array([pdf.make_indirect(descendant)]),
            ToUnicode=to_unicode,
        )
    )


def _to_unicode(*ranges: str) -> bytes:
    """Return a map of two-byte codes to Unicode (ISO 32000-1 §9.10.3)."""
    blocks = [ranges[start : start + 100] for start in range(0, len(ranges), 100)]
    body = "\n".join(f"{len(block)} beginbfrange\n" + "\n".join(block) + "\nendbfrange" for block in blocks)
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        "/CMapName /Adobe-Identity-UCS def /CMapType 2 def\n"
        "1 begincodespacerange <0000> <ffff> endcodespacerange\n"
        f"{body}\nendcmap CMapName currentdict /CMap defineresource pop end end\n"
    ).encode()


def _saved(font: TTFont) -> bytes:
    out = io.BytesIO()
    font.save(out)
    return out.getvalue()
