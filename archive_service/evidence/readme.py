"""The README of an evidence package: how everything in it is checked by hand, with commands that are on any Linux.

Indented lines are commands for a POSIX shell; together they are one script, which the tests run. They need coreutils,
sed, awk and openssl 3.0 or newer. ``@…@`` marks what differs from package to package.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StampByHand:
    """An authority's first time-stamp: the hash lists above the record's own, in hexadecimal, and its POSIX time."""

    authority: str
    lists: Sequence[Sequence[str]]
    at: int


def readme(record_id: str, deposit: int, stamps: Sequence[StampByHand]) -> bytes:
    """Return the text for a record whose deposit is the log's entry of that index."""
    entry = f"data/entries/{deposit}.entry"
    text = "\n".join(
        [
            _RECORD + START,
            _ORIGINAL,
            PAYLOADS,
            _METADATA,
            LOG,
            signed_notes("6. and 7.", "data/checkpoint.txt", "data/receipt.txt") + _RECEIPT,
            *time_stamps(["data/original.pdf", entry], stamps),
            document_signatures("data/original.pdf", '"$SEALED"'),
            _LIMITS,
        ]
    )
    return text.replace("@RECORD@", record_id).replace("@DEPOSIT@", str(deposit)).encode()


def signed_notes(steps: str, *notes: str) -> str:
    """Return the part that checks the log's signature under each of the notes, for steps of those numbers."""
    return _SIGNED.replace("@STEPS@", steps).replace("@NOTES@", " ".join(notes))


def time_stamps(objects: Sequence[str], stamps: Sequence[StampByHand]) -> list[str]:
    """Return the parts that lead from the objects, which are one group of the hash tree, to each authority's token."""
    if not stamps:
        return []
    hashed = " ".join(f"sha < {name};" for name in objects)
    return [_TIME.replace("@HASHED@", hashed), *map(_stamp, stamps)]


def document_signatures(*documents: str) -> str:
    """Return the part that computes the last signature of each document again; names are words of the shell."""
    return _SIGNATURES.replace("@DOCUMENTS@", " ".join(documents))


def _stamp(stamp: StampByHand) -> str:
    levels = [_LEVEL.replace("@HASHES@", " ".join(hashes)) for hashes in stamp.lists]
    text = _STAMP.replace("@LEVELS@", "".join(levels))
    return text.replace("@AUTHORITY@", stamp.authority).replace("@AT@", str(stamp.at))


_RECORD = r"""EVIDENCE PACKAGE / GÓI CHỨNG CỨ
Record / Tài liệu: @RECORD@

This package lets anyone check, without the archive and without trusting it, which document was deposited, when, and
that it is unchanged. The quick way is the program archive-verify; get it from somebody you trust:
Gói này giúp bất kỳ ai tự kiểm tra, không cần hệ thống lưu trữ và không cần tin vào hệ thống đó: tài liệu nào đã được
nộp lưu, khi nào, và có bị thay đổi hay không. Cách nhanh là chương trình archive-verify, lấy từ nguồn bạn tin cậy:
"""

START = r"""
  archive-verify PACKAGE.zip --log-key YOUR.vkey --witness-key YOUR.vkey --tsa-root YOUR.pem --agency-root YOUR.pem

By hand: unpack the ZIP, open a shell in the folder that holds bagit.txt, and give it the indented commands. Each check
prints a line that begins with OK; a line that is missing means that the check failed. What is under data/trust is only
the archive's word: name your own files instead.
Bằng tay: giải nén, mở shell trong thư mục có bagit.txt và chạy các lệnh thụt lề. Mỗi phép kiểm tra đúng sẽ in một dòng
bắt đầu bằng OK; thiếu dòng nào nghĩa là phép kiểm tra đó không đạt. Các tệp trong data/trust chỉ là lời của hệ thống
lưu trữ: hãy thay bằng tệp của chính bạn.

    W=$(mktemp -d)
    LOG_KEY=data/trust/log.vkey
    TSA_ROOTS=data/trust/tsa
    AGENCY_ROOTS=data/trust/agency
    binary() { tr a-f A-F | basenc --base16 -d; }
    sha() { sha256sum | cut -c 1-64; }
    node() { LC_ALL=C sort | tr -d '\n' | binary | sha; }

1. The files are whole (BagIt). / Các tệp còn nguyên vẹn.

    sha256sum --check --quiet tagmanifest-sha256.txt && sha256sum --check --quiet manifest-sha256.txt \
        && sha512sum --check --quiet manifest-sha512.txt && echo OK files
"""

_ORIGINAL = r"""2. The document is the one that was deposited, its sealed copy the one that was made.
   Tài liệu đúng là bản đã nộp lưu, bản thể hiện có chữ ký số đúng là bản đã tạo.

    grep -q "\"sha256\":\"$(sha < data/original.pdf)\"" data/entries/@DEPOSIT@.payload \
        && grep -q "\"sha512\":\"$(sha512sum < data/original.pdf | cut -c 1-128)\"" data/entries/@DEPOSIT@.payload \
        && echo OK original
    SEALED=data/renditions/sealed.pdf
    if [ -e "$SEALED" ]; then
        s=$(grep -l '"type":"rendition-sealed"' data/entries/*.entry | sort -t / -k 3n | tail -n 1)
        grep -q "\"sha256\":\"$(sha < "$SEALED")\"" "${s%.entry}.payload" \
            && grep -q "\"sha512\":\"$(sha512sum < "$SEALED" | cut -c 1-128)\"" "${s%.entry}.payload" && echo OK sealed
    fi
"""

PAYLOADS = r"""3. Each entry commits to its payload. / Mỗi mục cam kết phần dữ liệu của nó.

    for e in data/entries/*.entry; do n=${e%.entry}
        grep -q "\"sha256\":\"$(cat "$n.salt" "$n.payload" | sha)\"" "$e" && echo "OK payload $n"
    done
"""

_METADATA = r"""4. Payloads commit to the metadata. / Phần dữ liệu cam kết siêu dữ liệu.

    for m in data/metadata/*.json; do n=${m%.json}
        grep -q "\"sha256\":\"$(cat "$n.salt" "$m" | sha)\"" data/entries/*.payload && echo "OK metadata $n"
    done
"""

LOG = r"""5. The log holds every entry: from the leaf up to the root that the checkpoint states (RFC 9162, 2.1.3.2).
   Nhật ký chứa mọi mục: tính từ lá lên đến gốc ghi trong điểm kiểm soát.

    tree() { openssl dgst -sha256 -binary > "$W/up"; mv "$W/up" "$W/hash"; }
    for e in data/entries/*.entry; do n=${e%.entry}; i=${n##*/}; last=$(($(sed -n 2p data/checkpoint.txt) - 1))
        { printf '\000'; cat "$e"; } | tree
        sed '1,2d;/^$/,$d' "$n.proof" > "$W/path"
        while read -r beside; do
            printf %s "$beside" | openssl base64 -d -A > "$W/beside"
            if [ $((i % 2)) -eq 1 ] || [ "$i" -eq "$last" ]; then
                { printf '\001'; cat "$W/beside" "$W/hash"; } | tree
                while [ $((i % 2)) -eq 0 ] && [ "$i" -ne 0 ]; do i=$((i / 2)); last=$((last / 2)); done
            else
                { printf '\001'; cat "$W/hash" "$W/beside"; } | tree
            fi
            i=$((i / 2)); last=$((last / 2))
        done < "$W/path"
        [ "$last" -eq 0 ] && [ "$(openssl base64 -A < "$W/hash")" = "$(sed -n 3p data/checkpoint.txt)" ] \
            && echo "OK in the log $n"
    done
"""

_SIGNED = r"""@STEPS@ An Ed25519 key of the log signed this. / Khoá nhật ký đã ký.

    for note in @NOTES@; do
        sed '/^$/,$d' "$note" > "$W/text"
        cut -d + -f 3- "$LOG_KEY" | grep -x '.\{44\}' | while read -r key; do
            { printf '\060\052\060\005\006\003\053\145\160\003\041\000'
              printf %s "$key" | openssl base64 -d -A | tail -c 32; } > "$W/key"
            sed '1,/^$/d' "$note" | awk '{ print $NF }' | grep -x '.\{92\}' | while read -r signature; do
                printf %s "$signature" | openssl base64 -d -A | tail -c 64 > "$W/signature"
                openssl pkeyutl -verify -pubin -keyform DER -inkey "$W/key" -rawin -in "$W/text" \
                    -sigfile "$W/signature" > "$W/said" 2>&1 && echo "OK signed $note"
            done
        done
    done
"""

_RECEIPT = r"""    sed -n 2p data/receipt.txt \
        | grep -q "\"entry\":\"$(openssl base64 -A < data/entries/@DEPOSIT@.entry)\"" && echo OK receipt
"""

_TIME = r"""8. and 9. Time-stamps: from documents and their entry up to what each authority stamped.
   Dấu thời gian: từ tài liệu và mục nhật ký lên đến giá trị mà mỗi tổ chức đã đóng dấu.

    for c in "$TSA_ROOTS"/*; do openssl x509 -inform DER -in "$c"; done > "$W/tsa.pem"
    { @HASHED@ } | node > "$W/group"
"""

_STAMP = r"""    cp "$W/group" "$W/node"
@LEVELS@    openssl ts -verify -digest "$(cat "$W/node")" -in data/tokens/@AUTHORITY@-1.tst -token_in -attime @AT@ \
        -CAfile "$W/tsa.pem" > "$W/said" 2>&1 && echo "OK stamped by @AUTHORITY@"
    openssl ts -reply -in data/tokens/@AUTHORITY@-1.tst -token_in -token_out -text 2> "$W/said" | grep 'Time stamp:'
"""

_LEVEL = r"""    { cat "$W/node"; printf '%s\n' @HASHES@; } | node > "$W/above"; mv "$W/above" "$W/node"
"""

_SIGNATURES = r"""10. The last signature in a document, if any, and the archive's own seal, to the end of each.
   Chữ ký cuối cùng trong tài liệu, nếu có, và chữ ký số của chính hệ thống lưu trữ, đến hết tệp.

    for c in "$AGENCY_ROOTS"/*; do openssl x509 -inform DER -in "$c"; done > "$W/agency.pem" 2> "$W/said"
    for d in @DOCUMENTS@; do
        grep -q -s -a /ByteRange "$d" || continue
        set -- $(grep -a -o '/ByteRange *\[[^]]*' "$d" | tail -n 1 | tr -c '0-9\n' ' ')
        { head -c "$2" "$d"; tail -c +"$(($3 + 1))" "$d" | head -c "$4"; } > "$W/signed"
        tail -c +"$(($2 + 2))" "$d" | head -c "$(($3 - $2 - 2))" | binary > "$W/signature"
        openssl cms -verify -binary -inform DER -in "$W/signature" -content "$W/signed" -CAfile "$W/agency.pem" \
            -purpose any -out /dev/null 2> "$W/said" && [ "$(($3 + $4))" -eq "$(wc -c < "$d")" ] \
            && echo "OK signature $d"
    done
"""

_LIMITS = r"""What this package does not show: events that are not in it. For what became of the record later, ask the
log (at /api/v1/log) or a witness. This text, data/trust and data/checker are not covered by any signature.
Gói này không cho biết các sự kiện không có trong gói. Muốn biết tài liệu về sau có bị hiệu chỉnh hay tiêu huỷ, hãy
hỏi nhật ký (tại /api/v1/log) hoặc người chứng kiến. Văn bản này, data/trust và data/checker không được chữ ký nào bảo
vệ.
"""
