"""PDFs made for the tests: sound ones, and every kind of bad one, each as bytes."""

from __future__ import annotations

import datetime as dt
import io
import struct
import zlib
from collections.abc import Callable

import pikepdf
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509.oid import NameOID
from pikepdf import Array, Dictionary, Name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers

PAGE = (595.0, 842.0)


def saved(pdf: pikepdf.Pdf, **options: object) -> bytes:
    out = io.BytesIO()
    pdf.save(out, **options)  # type: ignore[arg-type]  # the caller names the options
    return out.getvalue()


def with_pages(count: int, change: Callable[[pikepdf.Pdf], None] | None = None) -> bytes:
    pdf = pikepdf.new()
    for _ in range(count):
        pdf.add_blank_page(page_size=PAGE)
    if change:
        change(pdf)
    return saved(pdf)


def sound() -> bytes:
    return with_pages(1)


def classic(objects: list[bytes], *, trailer: bytes = b"", startxref: int | None = None) -> bytes:
    """A file with a plain cross-reference table; objects are numbered from 1, the first is the catalogue."""
    out = io.BytesIO()
    out.write(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    table = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    out.write(b"trailer\n<< /Size %d /Root 1 0 R %s >>\n" % (len(objects) + 1, trailer))
    out.write(b"startxref\n%d\n%%%%EOF\n" % (table if startxref is None else startxref))
    return out.getvalue()


CATALOGUE = b"<< /Type /Catalog /Pages 2 0 R %s >>"
ONE_PAGE = [
    b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << >> %s >>",
]


def one_page(*, catalogue: bytes = b"", page: bytes = b"", more: list[bytes] | None = None) -> bytes:
    """One page with something extra in the catalogue, in the page, or as objects from 4 on."""
    return classic([CATALOGUE % catalogue, ONE_PAGE[0], ONE_PAGE[1] % page, *(more or [])])


def encrypted(user: str) -> bytes:
    pdf = pikepdf.new()
    pdf.add_blank_page(page_size=PAGE)
    return saved(pdf, encryption=pikepdf.Encryption(owner="owner", user=user))


def no_pages() -> bytes:
    return classic([CATALOGUE % b"", b"<< /Type /Pages /Kids [] /Count 0 >>"])


def deflated_zeros(megabytes: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1_000_000)) for _ in range(megabytes)) + packer.flush()


def with_stream(data: bytes, filters: list[str]) -> bytes:
    """One page, and a stream of that data, taken as it is."""
    names = b" ".join(b"/" + name.encode() for name in filters)
    head = b"<< /Length %d /Filter [%s] >>\nstream\n" % (len(data), names)
    return one_page(catalogue=b"/Extra 4 0 R", more=[head + data + b"\nendstream"])


def object_stream_bomb(megabytes: int) -> bytes:
    """The catalogue itself lies in an object stream that unpacks without end."""
    out = io.BytesIO()
    out.write(b"%PDF-1.5\n")
    places: dict[int, int] = {}

    def add(number: int, body: bytes) -> None:
        places[number] = out.tell()
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))

    packer = zlib.compressobj(9)
    data = packer.compress(b"5 0 <</Type/Catalog/Pages 1 0 R>>")
    data += b"".join(packer.compress(b" " * 1_000_000) for _ in range(megabytes)) + packer.flush()
    add(1, b"<</Type/Pages/Kids[2 0 R]/Count 1>>")
    add(2, b"<</Type/Page/Parent 1 0 R/MediaBox[0 0 9 9]>>")
    head = b"<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>stream\n" % len(data)
    add(3, head + data + b"\nendstream")
    places[4] = out.tell()
    rows = [(0, 0, 0), *((1, places[number], 0) for number in range(1, 5)), (2, 3, 0)]
    table = zlib.compress(b"".join(struct.pack(">BIH", *row) for row in rows))
    out.write(b"4 0 obj\n<</Type/XRef/Size 6/W[1 4 2]/Root 5 0 R/Filter/FlateDecode")
    out.write(b"/Length %d>>stream\n%s\nendstream\nendobj\n" % (len(table), table))
    out.write(b"startxref\n%d\n%%%%EOF\n" % places[4])
    return out.getvalue()


def cross_reference_loop() -> bytes:
    """The table's /Prev is the table itself, and the catalogue is nowhere."""
    out = b"%PDF-1.4\n"
    table = len(out)
    out += b"xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 3 /Root 1 0 R /Prev %d >>\n" % table
    return out + b"startxref\n%d\n%%%%EOF\n" % table


def page_tree_loop() -> bytes:
    return classic([CATALOGUE % b"", b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"])


def page_tree_bomb(levels: int = 12) -> bytes:
    """Each node has the next one ten times: as many pages as ten to the power of the levels."""
    nodes = [
        b"<< /Type /Pages /Count 1000000 /Kids [%s] >>" % (b"%d 0 R " % (number + 3) * 10) for number in range(levels)
    ]
    leaf = b"<< /Type /Page /MediaBox [0 0 595 842] >>"
    return classic([CATALOGUE % b"", *nodes, leaf])


def updated(first: bytes, objects: dict[int, bytes], *, size: int) -> bytes:
    """The file with an incremental update that replaces or adds objects (ISO 32000-2 §7.5.6)."""
    out = io.BytesIO()
    out.write(first)
    previous = int(first.rpartition(b"startxref")[2].split()[0])
    places = {}
    for number, body in objects.items():
        places[number] = out.tell()
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    table = out.tell()
    out.write(b"xref\n")
    for number, place in places.items():
        out.write(b"%d 1\n%010d 00000 n \n" % (number, place))
    out.write(b"trailer\n<< /Size %d /Root 1 0 R /Prev %d >>\n" % (size, previous))
    out.write(b"startxref\n%d\n%%%%EOF\n" % table)
    return out.getvalue()


def hidden_in_object_stream(action: Dictionary) -> bytes:
    pdf = pikepdf.new()
    pdf.add_blank_page(page_size=PAGE)
    pdf.Root.OpenAction = pdf.make_indirect(action)
    return saved(pdf, object_stream_mode=pikepdf.ObjectStreamMode.generate, compress_streams=True)


def scan(jpeg: bytes, width: int, height: int, dpi: float, *, rotate: int = 0) -> bytes:
    """One page that is nothing but a grey or colour JPEG at that resolution."""
    pdf = pikepdf.new()
    size = (width * 72 / dpi, height * 72 / dpi)
    pdf.add_blank_page(page_size=size)
    add_image(pdf, 0, jpeg, width, height)
    if rotate:
        pdf.pages[0].obj.Rotate = rotate
    return saved(pdf)


def add_image(pdf: pikepdf.Pdf, page_number: int, jpeg: bytes, width: int, height: int) -> None:
    """Draw the colour JPEG over the whole page, behind what is there."""
    page = pdf.pages[page_number]
    image = pdf.make_stream(
        jpeg,
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=width,
        Height=height,
        BitsPerComponent=8,
        ColorSpace=Name.DeviceRGB,
        Filter=Name.DCTDecode,
    )
    name = page.add_resource(image, Name.XObject)
    box = [float(number) for number in page.mediabox]
    drawing = f"q {box[2]} 0 0 {box[3]} 0 0 cm {name} Do Q ".encode()
    page.contents_add(drawing, prepend=True)


def signed(content: bytes) -> bytes:
    """The file with an incremental update that signs it, by a key made for the purpose."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test key")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + dt.timedelta(days=3650))
        .add_extension(x509.KeyUsage(*(True, True, *[False] * 7)), critical=True)
        .sign(key, hashes.SHA256())
    )
    packed = pkcs12.serialize_key_and_certificates(b"test", key, certificate, None, BestAvailableEncryption(b"test"))
    signer = signers.SimpleSigner.load_pkcs12_data(packed, [], b"test")
    out = io.BytesIO()
    signers.sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(content)),
        signers.PdfSignatureMetadata(field_name="Signature1"),
        signer=signer,
        output=out,
    )
    return out.getvalue()


def nested_array(levels: int) -> Array:
    """Return an array in an array in an array, that many times."""
    array = Array([])
    for _ in range(levels):
        array = Array([array])
    return array
