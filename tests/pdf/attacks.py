"""Attacks on signed PDFs, each a function from a signed file to one that looks signed and is not what was signed.

Made after the published ones (universal signature forgery, incremental saving, signature wrapping; shadow attacks:
hide, replace, hide and replace), by hand or with the library that signs.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
from collections.abc import Callable

import pikepdf
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

from tests.pdf import documents as make
from tests.pdf.signing import How, agency, sign

Change = Callable[[IncrementalPdfFileWriter], None]
_RANGE = re.compile(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)( *)\]")


def page(drawing: bytes = b"1 0 0 rg 100 100 200 200 re f") -> bytes:
    """An unsigned page that shows something."""

    def draw(pdf: pikepdf.Pdf) -> None:
        pdf.pages[0].Contents = pdf.make_stream(drawing)

    return make.with_pages(1, draw)


def updated(signed: bytes, change: Change) -> bytes:
    """The file with an incremental update behind it."""
    writer = IncrementalPdfFileWriter(io.BytesIO(signed))
    change(writer)
    out = io.BytesIO()
    writer.write(out)  # type: ignore[no-untyped-call]
    return out.getvalue()


def swap_page(signed: bytes) -> bytes:
    """Another page content, saved incrementally."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        first = writer.root["/Pages"]["/Kids"][0].get_object()
        first["/Contents"] = writer.add_object(generic.StreamObject(stream_data=b"0 0 1 rg 0 0 500 500 re f"))
        writer.update_container(first)

    return updated(signed, change)


def add_page(signed: bytes) -> bytes:
    """One more page behind the signed one."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        pages = writer.root["/Pages"]
        added = generic.DictionaryObject(  # type: ignore[no-untyped-call]
            {
                pdf_name("/Type"): pdf_name("/Page"),
                pdf_name("/Parent"): writer.root.raw_get("/Pages"),
                pdf_name("/MediaBox"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 595, 842))),
            }
        )
        pages["/Kids"].append(writer.add_object(added))
        pages["/Count"] = generic.NumberObject(2)  # type: ignore[no-untyped-call]
        writer.update_container(pages)

    return updated(signed, change)


def annotate(signed: bytes) -> bytes:
    """A note that covers the page, put on it after signing."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        first = writer.root["/Pages"]["/Kids"][0].get_object()
        note = generic.DictionaryObject(  # type: ignore[no-untyped-call]
            {
                pdf_name("/Type"): pdf_name("/Annot"),
                pdf_name("/Subtype"): pdf_name("/FreeText"),
                pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (50, 50, 500, 500))),
                pdf_name("/Contents"): generic.pdf_string("Da huy"),
                pdf_name("/DA"): generic.pdf_string("/Helv 40 Tf"),
            }
        )
        first["/Annots"] = generic.ArrayObject([*first.get("/Annots", ()), writer.add_object(note)])
        writer.update_container(first)

    return updated(signed, change)


def fill_in(signed: bytes) -> bytes:
    """A field's words changed after the last signature."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        for reference in writer.root["/AcroForm"]["/Fields"]:
            field = reference.get_object()
            if field.get("/FT") == "/Tx":
                field["/V"] = generic.pdf_string("9.999.999")
                writer.update_container(field)

    return updated(signed, change)


def form() -> bytes:
    """An unsigned page with a text field."""

    def change(pdf: pikepdf.Pdf) -> None:
        field = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Widget, FT=pikepdf.Name.Tx, T=pikepdf.String("amount"),
            V=pikepdf.String("1.000.000"), Rect=[100, 100, 300, 120], DA=pikepdf.String("/Helv 12 Tf"),
        )  # fmt: skip
        made = pdf.make_indirect(field)
        pdf.pages[0].obj["/Annots"] = pikepdf.Array([made])
        pdf.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array([made]), DA=pikepdf.String("/Helv 12 Tf"))

    return make.with_pages(1, change)


def forged(entry: str, value: generic.PdfObject | None) -> Callable[[bytes], bytes]:
    """Universal forgery: the signature's entry taken out (None) or made useless, and the page swapped."""

    def attack(signed: bytes) -> bytes:
        def change(writer: IncrementalPdfFileWriter) -> None:
            field = writer.root["/AcroForm"]["/Fields"][0].get_object()
            signature = field["/V"].get_object()
            if value is None:
                del signature[entry]
            else:
                signature[entry] = value
            writer.update_container(signature)

        return swap_page(updated(signed, change))

    return attack


def _numbers(*numbers: int) -> generic.PdfObject:
    return generic.ArrayObject(map(generic.NumberObject, numbers))


FORGERIES: dict[str, Callable[[bytes], bytes]] = {
    "no byte range": forged("/ByteRange", None),
    "byte range is null": forged("/ByteRange", generic.NullObject()),
    "byte range is empty": forged("/ByteRange", _numbers()),
    "byte range of zeros": forged("/ByteRange", _numbers(0, 0, 0, 0)),
    "byte range below nothing": forged("/ByteRange", _numbers(0, -10, -10, 10)),
    "byte range beyond the file": forged("/ByteRange", _numbers(0, 10, 999_999, 10)),
    "no contents": forged("/Contents", None),
    "contents are null": forged("/Contents", generic.NullObject()),
    "contents are empty": forged("/Contents", generic.ByteStringObject(b"")),
    "contents are zero": forged("/Contents", generic.ByteStringObject(b"\0")),
}


def shadowed() -> bytes:
    """An unsigned file prepared for a shadow attack: a cover over the page, two fonts, and a second page tree."""

    def change(pdf: pikepdf.Pdf) -> None:
        cover = pdf.make_stream(b"1 1 1 rg 0 0 600 900 re f", Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form)
        cover.BBox = [0, 0, 600, 900]
        first = pdf.pages[0]
        first.obj["/Resources"] = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Cover=cover))
        first.Contents = pdf.make_stream(b"1 0 0 rg 100 100 200 200 re f /Cover Do")
        hidden = pikepdf.Dictionary(
            Type=pikepdf.Name.Page, MediaBox=[0, 0, 595, 842], Contents=pdf.make_stream(b"0 1 0 rg 9 9 99 99 re f")
        )
        tree = pdf.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.Pages, Count=1))
        hidden["/Parent"] = tree
        tree["/Kids"] = pikepdf.Array([pdf.make_indirect(hidden)])
        pdf.Root["/Shadow"] = tree

    return make.with_pages(1, change)


def shadow_hide(signed: bytes) -> bytes:
    """Take the cover away: what lay under it shows."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        cover = writer.root["/Pages"]["/Kids"][0].get_object()["/Resources"]["/XObject"].raw_get("/Cover")
        writer.mark_update(cover.reference)
        kept = {key: value for key, value in cover.get_object().items() if key not in ("/Filter", "/Length")}
        writer.objects[(cover.generation, cover.idnum)] = generic.StreamObject(kept, stream_data=b" ")

    return updated(signed, change)


def shadow_replace(signed: bytes) -> bytes:
    """Let the page draw from other resources."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        first = writer.root["/Pages"]["/Kids"][0].get_object()
        other = generic.StreamObject(
            {
                pdf_name("/Type"): pdf_name("/XObject"),
                pdf_name("/Subtype"): pdf_name("/Form"),
                pdf_name("/BBox"): _numbers(0, 0, 600, 900),
            },
            stream_data=b"0 0 1 rg 0 0 600 900 re f",
        )
        first["/Resources"]["/XObject"]["/Cover"] = writer.add_object(other)
        writer.update_container(first["/Resources"]["/XObject"])

    return updated(signed, change)


def shadow_both(signed: bytes) -> bytes:
    """Switch to the second page tree, which was signed unseen."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        writer.root["/Pages"] = writer.root.raw_get("/Shadow")
        writer.update_root()  # type: ignore[no-untyped-call]

    return updated(signed, change)


def overlap(signed: bytes) -> bytes:
    """A second signature, right by itself, whose gap begins at the first one's: between them anything may stand."""
    both = bytearray(sign(signed, How(field="Second")))
    reader = PdfFileReader(io.BytesIO(bytes(both)))
    first, second = (one.byte_range for one in reader.embedded_signatures)
    gap = (int(second[1]), int(second[2]))
    wide = (int(first[1]), gap[1], int(second[3]))
    found = list(_RANGE.finditer(both))[-1]
    stated = b"/ByteRange [0 %d %d %d" % wide
    both[found.start() : found.end()] = stated + b" " * (found.end() - found.start() - len(stated) - 1) + b"]"
    digest = hashlib.sha256(bytes(both[: wide[0]]) + bytes(both[wide[1] :])).digest()
    signed_again = asyncio.run(agency().signer.async_sign(digest, "sha256", use_pades=True)).dump().hex().encode()
    both[gap[0] + 1 : gap[0] + 1 + len(signed_again)] = signed_again
    rest = gap[0] + 1 + len(signed_again), gap[1] - 1
    both[slice(*rest)] = b"0" * (rest[1] - rest[0])
    return bytes(both)


def append(signed: bytes) -> bytes:
    """Bytes behind the end."""
    return signed + b"%" + b"x" * 200


def append_blank(signed: bytes) -> bytes:
    """Nothing but spaces behind the end."""
    return signed + b" " * 50


def change_padding(signed: bytes) -> bytes:
    """Something written into the zeros behind the signature's value, which no signature covers."""
    end = int(next(_RANGE.finditer(signed))[3]) - 1
    return signed[: end - 8] + b"deadbeef" + signed[end:]


def change_a_signed_byte(signed: bytes) -> bytes:
    """One number in the signed bytes."""
    return signed.replace(b" 595 842 ", b" 596 842 ", 1)


def take_signature_out(signed: bytes) -> bytes:
    """The form forgets the signature; the file still holds it."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        writer.root["/AcroForm"]["/Fields"] = generic.ArrayObject()
        writer.update_container(writer.root["/AcroForm"])

    return updated(signed, change)


def move_contents(signed: bytes) -> bytes:
    """Signature wrapping: the reader is given the value from elsewhere, and the gap holds something else."""
    found = next(_RANGE.finditer(signed))
    start, end = int(found[2]), int(found[3])
    return signed[: start + 1] + b"(" + b"A" * (end - start - 4) + b")" + signed[end - 1 :]
