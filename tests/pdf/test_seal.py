"""A sealed rendition: searchable PDF/A with the agency's PAdES seal, made of every scan, and of no signed file."""

from __future__ import annotations

import random
import threading
import tomllib
import unicodedata
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from PIL import Image
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from archive_service.errors import Misconfigured, Unavailable
from archive_service.model.inspection import PdfFacts
from archive_service.model.record import DocumentText, PageText, TextSource
from archive_service.model.sealing import NotSealed, Sealed, SealProblem
from archive_service.pdf.reader import Limits, SandboxedPdfReader
from archive_service.pdf.seal import BadRoom, is_sealed_with, seal
from archive_service.pdf.seal_key import TEST_NAME, SealKey, file_key, made_key
from examples.results import Form, make_results
from tests.fakes.clock import START, MovableClock
from tests.fakes.time_authority import OwnAuthority
from tests.journeys.test_real_scan import as_pdf
from tests.packages import make_agency
from tests.pdf import documents as make
from tests.pdf.sealing import AGENCY, Workshop, workshop
from tests.pdf.test_signature_corpus import TABLE as SIGNED_CORPUS
from tests.pdf.test_text import LINES, picture, words_found
from tests.pdf.verapdf import failures

TIME = "2026-03-01T09:30:05+07:00"
REAL_SCANS = ("decree-28-2021-page-1", "decree-signature-page", "official-letter-low-resolution")


@pytest.fixture
def at(reader: SandboxedPdfReader, tmp_path: Path) -> Iterator[Workshop]:
    with workshop(reader, tmp_path) as opened:
        yield opened


def scan(*, rotate: int = 0, turned: float = 0) -> bytes:
    jpeg, width, height = picture(turned=turned)
    return make.scan(jpeg, width, height, 200, rotate=rotate)


def text_of(path: Path) -> str:
    document = pypdfium2.PdfDocument(path)
    try:
        return "\n".join(page.get_textpage().get_text_range() for page in document)
    finally:
        document.close()


def shown(path: Path, dpi: int = 72) -> Image.Image:
    """Return page 1 as a reader shows it."""
    document = pypdfium2.PdfDocument(path)
    document.init_forms()  # or fields, the seal's too, are not drawn
    try:
        image: Image.Image = document[0].render(scale=dpi / 72).to_pil().convert("L")
        return image
    finally:
        document.close()


def seal_of(path: Path) -> object:
    """Return what pyHanko says of the one seal; it trusts the certificates that the seal itself names."""
    with path.open("rb") as file:
        (signature,) = PdfFileReader(file).embedded_signatures
        trusted: list[asn1_x509.Certificate] = [signature.signer_cert]
        own = ValidationContext(trust_roots=trusted, allow_fetching=False)
        return validate_pdf_signature(signature, own, own)


# What is made


def test_a_sealed_scan_is_a_pdfa_with_the_scans_words_and_a_pades_seal_over_everything(at: Workshop) -> None:
    path = at.seal(scan())
    assert failures([path]) == {path.name: []}
    assert words_found(unicodedata.normalize("NFC", text_of(path)), "\n".join(LINES)) > 0.9
    seen = at.reader.inspect(path)
    assert isinstance(seen, PdfFacts)
    assert seen.pdfa_claim == "2b"
    [signature] = seen.signatures
    assert (signature.sub_filter, signature.covers_whole_file) == ("ETSI.CAdES.detached", True)


def test_another_library_finds_the_seal_whole_with_a_time_stamp_over_it(at: Workshop) -> None:
    status = seal_of(at.seal(scan()))
    assert (status.intact, status.valid) == (True, True)  # type: ignore[attr-defined]
    assert status.coverage.name == "ENTIRE_FILE"  # type: ignore[attr-defined]
    stamp = status.timestamp_validity  # type: ignore[attr-defined]
    assert (stamp.intact, stamp.valid) == (True, True)
    assert status.signing_cert.subject.native["common_name"] == TEST_NAME  # type: ignore[attr-defined]


def test_examples_and_real_scans_conform_when_sealed(at: Workshop, shared_data: Path) -> None:
    made = [one.pdf for form in (Form.SCANNED, Form.BORN_DIGITAL) for one in make_results(5, 3, (form,))]
    real = [as_pdf(shared_data / "scans" / f"{name}.jpg") for name in REAL_SCANS]
    paths = [at.seal(content, f"{number}.pdf") for number, content in enumerate(made + real)]
    assert failures(paths) == {path.name: [] for path in paths}


def test_the_scans_own_image_is_kept_as_it_was(at: Workshop) -> None:
    jpeg, width, height = picture()
    path = at.seal(make.scan(jpeg, width, height, 200))
    with pikepdf.open(path) as pdf:
        kept = [o.read_raw_bytes() for o in pdf.objects if isinstance(o, pikepdf.Stream) and "/Width" in o.stream_dict]
    assert kept == [jpeg]


@pytest.mark.parametrize(("rotate", "turned"), [(0, 0), (90, 0), (180, 180), (0, 90), (0, 7)])
def test_each_word_of_the_text_layer_stands_over_its_ink(at: Workshop, rotate: int, turned: float) -> None:
    path = at.seal(scan(rotate=rotate, turned=turned))
    image, words = shown(path), word_boxes(path)
    assert len(words) > 30
    assert sum(has_ink(image, box) for box in words) > 0.95 * len(words)
    elsewhere = [(image.width - right, bottom, image.width - left, top) for left, bottom, right, top in words]
    assert sum(has_ink(image, box) for box in elsewhere) < 0.9 * len(words), "the comparison must be able to fail"


def word_boxes(path: Path) -> list[tuple[float, float, float, float]]:
    """Return the box around each invisible word of page 1: left, bottom, right, top in points."""
    boxes, matrix = [], [0.0] * 6
    with pikepdf.open(path) as pdf:
        for instruction in pikepdf.parse_content_stream(pdf.pages[0]):
            operands = list(instruction.operands)
            if str(instruction.operator) == "Tm":
                matrix = [float(number) for number in operands]
            elif str(instruction.operator) == "Tj":
                a, b, c, d, x, y = matrix
                length = (len(bytes(operands[0])) / 2 - 1) / 2  # half a size a letter, without the blank behind
                across, up = (x, x + a * length, x + c), (y, y + b * length, y + d)
                boxes.append((min(across), min(up), max(across), max(up)))
    return boxes


def has_ink(image: Image.Image, box: tuple[float, float, float, float]) -> bool:
    """Whether anything dark is in the box on a picture at 72 dpi."""
    left, bottom, right, top = box
    part = image.crop((int(left), int(image.height - top), int(right) + 1, int(image.height - bottom) + 1))
    return sum(part.histogram()[:140]) > 0


# The mark


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_the_mark_is_upright_at_the_top_right_whichever_way_the_page_was_turned(at: Workshop, rotate: int) -> None:
    path = at.seal(scan(rotate=rotate))
    image = shown(path)
    with pikepdf.open(path) as pdf:
        left, bottom, right, top = (float(number) for number in pdf.pages[0].Annots[0].Rect.as_list())
        assert int(pdf.pages[0].obj.get("/Rotate", 0)) == 0
    assert image.width - right == pytest.approx(14, abs=1)
    assert image.height - top == pytest.approx(14, abs=1)
    assert right - left > top - bottom, "lines of text run from left to right"
    mark = image.crop((int(left), image.height - int(top), int(right), image.height - int(bottom)))
    assert sum(mark.histogram()[:100]) > 0, "there is ink in it"


def test_the_mark_says_who_and_when_and_shows_no_image(at: Workshop) -> None:
    path = at.seal(scan())
    with pikepdf.open(path) as pdf:
        form = pdf.pages[0].Annots[0].AP.N
        assert "/XObject" not in form.Resources
        (font,) = form.Resources.Font.values()
        assert font.DescendantFonts[0].FontDescriptor.FontFile2.read_bytes()[:4] == b"\0\1\0\0"
    status = seal_of(path)
    assert status.signer_reported_dt.isoformat() == TIME  # type: ignore[attr-defined]
    assert unicodedata.normalize("NFC", marked_text(path)) == f"{AGENCY} {TIME}"


def marked_text(path: Path) -> str:
    """Return the text of the mark: what a reader finds on page 1 with the field drawn into it, and not without it."""
    document = pypdfium2.PdfDocument(path)
    try:
        document.init_forms()
        without = document[0].get_textpage().get_text_range()
        assert pypdfium2.raw.FPDFPage_Flatten(document[0].raw, pypdfium2.raw.FLAT_NORMALDISPLAY) == 1
        drawn: str = document[0].get_textpage().get_text_range()
    finally:
        document.close()
    assert drawn.startswith(without)
    return " ".join(drawn.removeprefix(without).split())


@pytest.mark.parametrize("points", [(60, 40), (200, 2000), (8_000, 300)])
def test_the_mark_fits_on_paper_of_any_size(at: Workshop, points: tuple[int, int]) -> None:
    pdf = pikepdf.new()
    pdf.add_blank_page(page_size=points)
    path = at.seal(make.saved(pdf), words=DocumentText((PageText(1, "", TextSource.NONE),)))
    with pikepdf.open(path) as sealed:
        left, bottom, right, top = (float(number) for number in sealed.pages[0].Annots[0].Rect.as_list())
    assert (right, top) < points
    assert failures([path]) == {path.name: []}
    assert left >= 0 or points[0] < 100, "only on paper smaller than a stamp may it be cut"
    assert bottom >= 0 or points[1] < 100


# What is not carried over


def test_pages_that_do_not_conform_are_drawn_and_keep_their_words(at: Workshop) -> None:
    content = make.with_pages(1, _comment)
    outcome, path = at.try_to_seal(content)
    assert isinstance(outcome, Sealed)
    assert outcome.drawn_pages == 1
    assert failures([path]) == {path.name: []}


def _comment(pdf: pikepdf.Pdf) -> None:
    note = pikepdf.Dictionary(
        Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.FreeText, Rect=[50, 50, 200, 80], Contents="ý kiến"
    )
    pdf.pages[0].Annots = pikepdf.Array([pdf.make_indirect(note)])


def test_nothing_that_acts_is_carried_over(at: Workshop) -> None:
    def arm(pdf: pikepdf.Pdf) -> None:
        pdf.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")
        pdf.attachments["a.txt"] = b"a"

    path = at.seal(make.with_pages(2, arm))
    seen = at.reader.inspect(path)
    assert isinstance(seen, PdfFacts)
    assert (seen.active_content, seen.page_count) == ((), 2)


# What is refused


def test_a_signed_file_is_never_touched(at: Workshop) -> None:
    [signed] = make_results(5, 1, (Form.SIGNED,))
    outcome, path = at.try_to_seal(signed.pdf)
    assert outcome == NotSealed(SealProblem.SIGNED, retryable=False)
    assert path.read_bytes() == b""


def test_a_sealed_file_is_not_sealed_again(at: Workshop) -> None:
    path = at.seal(scan())
    outcome, _ = at.try_to_seal(path.read_bytes(), "again.pdf")
    assert outcome == NotSealed(SealProblem.SIGNED, retryable=False)


def test_signed_files_of_the_world_are_refused_all(at: Workshop, shared_data: Path) -> None:
    table = tomllib.loads(SIGNED_CORPUS.read_text(encoding="utf-8"))
    signed = [name for name, row in table.items() if row["reasons"]]
    assert len(signed) > 30
    outcomes = {}
    for name in signed:
        content = (shared_data / "pdf" / "signed" / name).read_bytes()
        outcomes[name], _ = at.try_to_seal(content, words=one_word_a_page(content))
    assert outcomes == dict.fromkeys(signed, NotSealed(SealProblem.SIGNED, retryable=False))


def one_word_a_page(content: bytes) -> DocumentText:
    """Return words for exactly the pages that there are: with other words no file would be sealed, signed or not."""
    with pikepdf.open(BytesIO(content)) as pdf:
        return DocumentText(tuple(PageText(number, "chữ", TextSource.LAYER) for number in range(1, len(pdf.pages) + 1)))


@pytest.mark.parametrize("content", [b"%PDF-1.7 nothing", make.no_pages(), make.encrypted("x"), b""])
def test_what_cannot_be_read_is_not_sealed(at: Workshop, content: bytes) -> None:
    outcome, _ = at.try_to_seal(content, words=DocumentText((PageText(1, "", TextSource.NONE),)))
    assert isinstance(outcome, NotSealed)
    assert not outcome.retryable


def test_a_page_that_the_drawing_library_cannot_load_is_not_tried_again(at: Workshop, shared_data: Path) -> None:
    content = (shared_data / "pdf" / "signed" / "minimal-annotless.pdf").read_bytes()
    outcome, _ = at.try_to_seal(content, words=one_word_a_page(content))
    assert outcome == NotSealed(SealProblem.UNREADABLE, retryable=False)


def test_one_bad_scan_does_not_stop_others_at_the_same_time(at: Workshop) -> None:
    outcomes: list[Sealed | NotSealed] = []
    bad, good = b"%PDF-1.7 bad", scan()
    words = at.words(_written(at.folder / "good.pdf", good))

    def run(number: int) -> None:
        outcomes.append(at.try_to_seal(bad if number % 2 else good, f"{number}.pdf", words)[0])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NotSealed", "NotSealed", "Sealed", "Sealed"]


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


# The seal itself


def test_any_byte_changed_anywhere_breaks_the_seal(at: Workshop) -> None:
    path, key = at.seal(scan()), made_key(at.folder / "key", START)
    content = path.read_bytes()
    assert is_sealed_with(path, key)
    room = content.index(b"/Contents <") + len(b"/Contents <")
    end = content.index(b">", room)
    used = room + len(content[room:end].rstrip(b"0"))
    draw = random.Random(7)
    outside = [*draw.sample(range(room), 30), *draw.sample(range(end, len(content)), 60)]
    # The time-stamp's end, and the padding behind it.
    inside = [*draw.sample(range(used, end), 10), *draw.sample(range(used - 1_000, used - 10), 20)]
    for position in outside + inside:
        changed = bytearray(content)
        changed[position] ^= 1
        path.write_bytes(changed)
        assert not is_sealed_with(path, key), position
    path.write_bytes(content + b"\n")
    assert not is_sealed_with(path, key)


def test_a_seal_of_another_key_is_not_the_agencys(at: Workshop) -> None:
    assert not is_sealed_with(at.seal(scan()), made_key(at.folder / "other", START))


@pytest.mark.parametrize("change", [lambda b: b, lambda b: b + b, lambda b: b""], ids=["sealed", "twice", "empty room"])
def test_a_file_without_exactly_one_room_is_not_sealed(
    at: Workshop, change: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    """What a process says that was taken over by its file is not signed unseen."""
    path = tmp_path / "odd.pdf"
    path.write_bytes(b"%PDF-1.7 " + change(at.seal(scan()).read_bytes()))
    with pytest.raises(BadRoom):
        seal(path, made_key(at.folder / "key", START), at.authority, lambda _: None)


def test_without_the_time_there_is_no_seal(at: Workshop) -> None:
    at.authority.down = True
    with pytest.raises(Unavailable):
        at.seal(scan())


# The key


def test_the_key_made_on_the_spot_says_that_nobody_should_trust_it_and_stays(tmp_path: Path) -> None:
    first, second = made_key(tmp_path / "key", START), made_key(tmp_path / "key", START)
    assert first.owner == TEST_NAME
    assert first.certificate == second.certificate
    assert (tmp_path / "key" / "test-seal-key.pem").stat().st_mode & 0o777 == 0o600


def test_of_two_processes_that_make_a_key_at_once_one_wins(tmp_path: Path) -> None:
    keys: list[SealKey] = []
    threads = [threading.Thread(target=lambda: keys.append(made_key(tmp_path / "key", START))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({key.sha256 for key in keys}) == 1


def test_a_key_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"a file in the folder's place")
    with pytest.raises(Misconfigured, match="ARCHIVE_SEAL_KEY_FILE"):
        made_key(tmp_path / "key", START)


def own_certificate(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, name: str = "BHXH") -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, name)])
    return x509.CertificateBuilder(
        subject, subject, key.public_key(), 7, START, START.replace(year=START.year + 1)
    ).sign(key, hashes.SHA256())


@pytest.mark.parametrize("form", ["pkcs12", "pem", "pem of an elliptic curve"])
def test_a_key_in_a_file_seals(at: Workshop, tmp_path: Path, form: str) -> None:
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    key = ec.generate_private_key(ec.SECP256R1()) if "curve" in form else rsa.generate_private_key(65_537, 2_048)
    certificate, secret = own_certificate(key), serialization.BestAvailableEncryption(b"mat khau")
    path = tmp_path / "seal-key"
    if form == "pkcs12":
        path.write_bytes(pkcs12.serialize_key_and_certificates(b"seal", key, certificate, None, secret))
    else:
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret)
        path.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    loaded = file_key(path, "mat khau")
    assert loaded.owner == "BHXH"
    with workshop(at.reader, tmp_path / "other", loaded) as other:
        sealed = other.seal(scan())
    assert is_sealed_with(sealed, loaded)
    with pytest.raises(Misconfigured) as told:
        file_key(path, "sai")
    assert "mat khau" not in str(told.value)


@pytest.mark.parametrize("root_is_there", [True, False])
def test_the_anchor_of_a_key_is_the_root_that_came_with_it(tmp_path: Path, root_is_there: bool) -> None:
    root = make_agency("Root", usage=["key_cert_sign"])
    middle = make_agency("Middle", usage=["key_cert_sign"], issuer=root)
    own = make_agency("BHXH", key=rsa.generate_private_key(65_537, 2_048), issuer=middle)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain = [own, middle, make_agency("Stranger"), *([root] if root_is_there else [])]
    pems = [own.key.private_bytes(*form), *(one.certificate.public_bytes(form[0]) for one in chain)]
    (tmp_path / "seal-key.pem").write_bytes(b"".join(pems))
    assert file_key(tmp_path / "seal-key.pem", None).anchors == ((root.der,) if root_is_there else ())


def test_the_key_made_on_the_spot_is_its_own_anchor(tmp_path: Path) -> None:
    key = made_key(tmp_path / "key", START)
    assert key.anchors == (key.certificate.public_bytes(serialization.Encoding.DER),)


def test_a_key_with_the_certificate_of_another_is_refused(tmp_path: Path) -> None:
    key, other = (rsa.generate_private_key(65_537, 2_048) for _ in range(2))
    path = tmp_path / "seal-key.pem"
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(*form) + own_certificate(other).public_bytes(serialization.Encoding.PEM))
    with pytest.raises(Misconfigured, match="do not belong together"):
        file_key(path, None)


def test_without_the_font_of_the_mark_the_reader_still_reads_and_sealing_says_what_is_missing(tmp_path: Path) -> None:
    reader = SandboxedPdfReader(Limits(seal_font=str(tmp_path / "none.ttf")))
    try:
        with workshop(reader, tmp_path) as without:
            words = without.words(_written(tmp_path / "scan.pdf", scan()))
            with pytest.raises(Misconfigured, match=r"none\.ttf"):
                without.try_to_seal(scan(), words=words)
    finally:
        reader.close()


def test_the_local_authority_is_what_a_seal_needs(tmp_path: Path) -> None:
    token = OwnAuthority(tmp_path / "authority", MovableClock()).stamp(bytes(32), "sha256")
    assert BytesIO(token.der).read(1) == b"\x30"
