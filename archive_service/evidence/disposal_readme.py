"""The README of a disposal's package: the same commands as for a record's, and those for certificate and decision."""

from __future__ import annotations

from collections.abc import Sequence

from archive_service.evidence.readme import (
    LOG,
    PAYLOADS,
    START,
    StampByHand,
    document_signatures,
    signed_notes,
    time_stamps,
)
from archive_verify.contents import CERTIFICATE, PAPER


def disposal_readme(
    disposal_id: str, proposed: int, certified: int, stamps: Sequence[StampByHand], *, has_paper: bool
) -> bytes:
    """Return the text for a disposal whose proposal and certifying are the log's entries of those indexes."""
    documents = [CERTIFICATE, PAPER] if has_paper else [CERTIFICATE]
    text = "\n".join(
        [
            _DISPOSAL + START,
            _CERTIFICATE,
            PAYLOADS,
            _LIST,
            LOG,
            signed_notes("6.", "data/checkpoint.txt"),
            _DECISION,
            *time_stamps([*documents, f"data/entries/{certified}.entry"], stamps),
            *([document_signatures(PAPER)] if has_paper else []),
            _LIMITS,
        ]
    )
    for mark, value in (("@DISPOSAL@", disposal_id), ("@PROPOSED@", proposed), ("@CERTIFIED@", certified)):
        text = text.replace(mark, str(value))
    return text.replace("@DOCUMENTS@", " ".join(documents)).encode()


_DISPOSAL = r"""EVIDENCE PACKAGE / GÓI CHỨNG CỨ
Disposal / Đợt xử lý: @DISPOSAL@

This package lets anyone check, without the archive and without trusting it, which records were disposed of, when, and
who decided that. The quick way is the program archive-verify; get it from somebody you trust:
Gói này giúp bất kỳ ai tự kiểm tra, không cần hệ thống lưu trữ và không cần tin vào hệ thống đó: tài liệu nào đã bị loại
khỏi kho, khi nào, và ai đã quyết định. Cách nhanh là chương trình archive-verify, lấy từ nguồn bạn tin cậy:
"""

_CERTIFICATE = r"""2. Certificate and paper are those that were certified.
   Giấy chứng nhận và bản in đúng là bản đã chứng nhận.

    for d in @DOCUMENTS@; do
        grep -q "\"sha256\":\"$(sha < "$d")\"" data/entries/@CERTIFIED@.payload \
            && grep -q "\"sha512\":\"$(sha512sum < "$d" | cut -c 1-128)\"" data/entries/@CERTIFIED@.payload \
            && echo "OK certified $d"
    done
"""

_LIST = r"""4. The list is the one that was decided on, and each record that is gone has its entry.
   Danh mục đúng là danh mục đã được quyết định; mỗi tài liệu bị loại đều có mục nhật ký.

    P=data/entries/@PROPOSED@.payload
    value() { grep -o "\"$1\":\"[^\"]*\"" "$2" | cut -d '"' -f 4; }
    LISTED='"record_id":"\([0-9A-Za-z-]*\)","sha256":"\([0-9a-f]*\)"'
    listed=$(grep -o "$LISTED" data/certificate.json | sed "s/$LISTED/\1 \2/" | LC_ALL=C sort | sha)
    [ "$listed" = "$(value list_sha256 "$P")" ] && echo OK list
    grep -o "\"entry\":[0-9]*,\"reason\":null,$LISTED" data/certificate.json | tr -d '"' | tr ':,' '  ' \
        | while read -r _ e _ _ _ record _ sum; do
        grep '"type":"disposed"' "data/entries/$e.entry" | grep -q "\"record\":\"$record\"" \
            && grep '"disposal":"@DISPOSAL@"' "data/entries/$e.payload" | grep -q "\"sha256\":\"$sum\"" \
            && echo "OK disposed of $record"
    done
"""

_DECISION = r"""7. Every member of the council agreed; who approved is neither a member nor the proposer.
   Mọi thành viên hội đồng đã đồng ý; người phê duyệt không phải thành viên hay người đề nghị.

    payloads() { grep -l "\"type\":\"$1\"" data/entries/*.entry | sed 's/entry$/payload/'; }
    grep -o '"council":\[[^]]*\]' "$P" | sed 's/.*\[//' | tr -d '"]' | tr , '\n' | LC_ALL=C sort > "$W/council"
    for p in $(payloads disposal-voted); do
        grep -q '"vote":"agree"' "$p" && value member "$p"
    done | LC_ALL=C sort > "$W/agreed"
    [ -s "$W/council" ] && cmp -s "$W/council" "$W/agreed" && echo OK council
    approver=$(value approved_by "$(payloads disposal-approved)")
    [ -n "$approver" ] && [ "$approver" != "$(value proposed_by "$P")" ] \
        && ! grep -q -x -F -e "$approver" "$W/council" && echo OK approval
"""

_LIMITS = r"""What no package can show: that no copy of a record is left anywhere. It shows that the archive said
so, and when, and that it was decided by the rules. What this package does not show: events that are not in it; ask the
log (/api/v1/log) or a witness. This text, data/trust and data/checker are not covered by any signature.
Không gói nào chứng minh được rằng không còn bản sao nào ở bất kỳ đâu; gói cho thấy hệ thống đã xác nhận điều đó, lúc
nào, và việc quyết định đúng quy định. Gói không cho biết các sự kiện không có trong gói: hãy hỏi nhật ký (/api/v1/log)
hoặc người chứng kiến. Văn bản này, data/trust và data/checker không được chữ ký nào bảo vệ.
"""
