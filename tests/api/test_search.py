"""Searching over HTTP, a subject's page, and merges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from archive_service.model.permissions import Role
from archive_service.model.record import DocumentText, PageText, TextSource
from tests.api.problems import assert_problem, wrong_fields
from tests.api.service import NAME, NUMBER, ApiCaller, Service, a_pdf, metadata, open_service, person


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, list[str]]]:
    """Fill a service once for all tests that only read."""
    with open_service(tmp_path_factory.mktemp("search")) as service:
        yield service, deposit_five(service, service.caller(Role.DEPOSITOR))


@pytest.fixture
def five(filled: tuple[Service, list[str]]) -> list[str]:
    """Return the ids of the five records."""
    return filled[1]


@pytest.fixture
def reader(filled: tuple[Service, list[str]]) -> ApiCaller:
    """Return a person of the archive of the province who looks at them."""
    return filled[0].caller(Role.ARCHIVIST)


@pytest.fixture
def own_five(service: Service, depositor: ApiCaller) -> list[str]:
    """Deposit the five records in a service of the test's own."""
    return deposit_five(service, depositor)


def deposit_five(service: Service, depositor: ApiCaller) -> list[str]:
    """Deposit five records of two persons, offices, years and kinds, and return their ids."""
    rows: list[dict[str, Any]] = [
        {},
        {"issued_on": "2022-05-04", "document_number": "77", "dossier_code": "000.00.00.H41-220504-0001"},
        {"office": "BHXH-79-07", "result_type": "KQ.G15.000032", "trust": "born-digital"},
        {"subject": person("9876543210", "Trần Thị Hồng"), "summary": "Về việc trợ cấp thất nghiệp"},
        {"subject": person("9876543210", "Trần Thị Hồng"), "issued_on": "2023-01-02", "access_level": "secret"},
    ]
    ids = []
    for number, row in enumerate(rows):
        words = DocumentText((PageText(1, f"Văn bản thứ {number} về bảo hiểm", TextSource.LAYER),))
        service.pdf.texts[a_pdf(str(number))] = words
        answer = depositor.deposit(a_pdf(str(number)), metadata(**row), key=f"key-{number}")
        assert answer.status_code == 201, answer.text
        ids.append(answer.get_json()["id"])
        service.clock.forward(days=1)
    service.work_off()
    return ids


def hits(caller: ApiCaller, **terms: Any) -> list[str]:
    answer = caller.get("/api/v1/search", query_string=terms)
    assert answer.status_code == 200, answer.text
    return [hit["id"] for hit in answer.get_json()["hits"]]


def test_hit_says_what_a_person_needs_to_choose(reader: ApiCaller, five: list[str]) -> None:
    body = reader.get("/api/v1/search", query_string={"q": '"van ban thu 1"'}).get_json()
    assert (body["total"], body["total_is_exact"]) == (1, True)
    assert body["next_cursor"] is None
    assert body["facets"] == {}
    (hit,) = body["hits"]
    assert hit["id"] == five[1]
    assert hit["score"] > 0
    assert hit["state"] == "stored"
    assert hit["office"] == "BHXH-79-01"
    assert hit["result_type_name"] == "Quyết định hưởng lương hưu hằng tháng"
    assert hit["subject_name"] == NAME
    assert hit["document_code"] == "77/QĐ-BHXH"
    assert hit["issued_on"] == "2022-05-04"
    assert hit["dossier_code"] == "000.00.00.H41-220504-0001"
    text, marks = hit["snippet"]["text"], hit["snippet"]["marks"]
    assert "".join(text[begin:end] for begin, end in marks).replace(" ", "") == "Vănbảnthứ1"


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"q": "nguyen van duc"}, [0, 1, 2]),
        ({"q": "Nguyễn Văn Đức"}, [0, 1, 2]),
        ({"q": "bảo hiểm", "office": "BHXH-79"}, [0, 1, 2, 3]),
        ({"q": "bảo hiểm", "office": "BHXH-79-07"}, [2]),
        ({"q": "bảo hiểm", "office": "BHXH-01"}, []),
        ({"q": "bảo hiểm", "office": "NOWHERE"}, []),
        ({"q": "bảo hiểm -thứ"}, []),
        ({"q": "bao hiem -nghiep"}, [0, 1, 2]),
        ({"q": NUMBER}, [0, 1, 2]),
        ({"q": "012345"}, [0, 1, 2]),
        ({"q": "1234/QĐ-BHXH"}, [0, 2, 3]),
        ({"q": "", "result_type": "KQ.G15.000032"}, [2]),
        ({"q": "", "result_type": ["KQ.G15.000031", "KQ.G15.000032"]}, [0, 1, 2, 3]),
        ({"scheme": "social-insurance", "number": "9876 543 210"}, [3]),
        ({"scheme": "citizen", "number": "079061001234"}, []),
        ({"dossier": "000.00.00.H41-220504-0001"}, [1]),
        ({"issued_from": "2022-01-01"}, [1]),
        ({"issued_to": "2021-12-31"}, [0, 2, 3]),
        ({"issued_from": "2021-03-01", "issued_to": "2021-03-01"}, [0, 2, 3]),
        ({"stored_from": "2026-11-24", "stored_to": "2026-11-25"}, [1, 2]),
        ({"trust": "born-digital"}, [2]),
        ({"trust": ["born-digital", "digitised"]}, [0, 1, 2, 3]),
        ({"state": "quarantined"}, []),
    ],
)
def test_search_finds_what_is_asked_for_and_the_caller_may_see(
    reader: ApiCaller, five: list[str], terms: dict[str, Any], expected: list[int]
) -> None:
    assert sorted(hits(reader, **terms)) == sorted(five[number] for number in expected)


def test_secret_records_are_found_by_those_who_may_read_them(filled: tuple[Service, list[str]]) -> None:
    service, five = filled
    assert five[4] in hits(service.caller(Role.AUDITOR), q="bao hiem")


def test_order_is_newest_first_without_words(reader: ApiCaller, five: list[str]) -> None:
    assert hits(reader)[0] == five[1]
    assert hits(reader, sort="newest")[0] == five[1]
    assert hits(reader, sort="oldest")[-1] == five[1]


@pytest.mark.parametrize("sort", ["relevance", "newest", "oldest"])
def test_pages_follow_each_other_without_gap_or_repetition(reader: ApiCaller, five: list[str], sort: str) -> None:
    whole = hits(reader, q="bảo hiểm", sort=sort)
    found: list[str] = []
    cursor = None
    for _ in range(10):
        terms = {"q": "bảo hiểm", "sort": sort, "size": 1} | ({"cursor": cursor} if cursor else {})
        page = reader.get("/api/v1/search", query_string=terms).get_json()
        found += [hit["id"] for hit in page["hits"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == whole
    assert len(whole) == 4


def test_facets_count_what_was_found(reader: ApiCaller, five: list[str]) -> None:
    terms = {"facet": ["office", "result_type", "trust", "state", "year", "year"]}
    facets = reader.get("/api/v1/search", query_string=terms).get_json()["facets"]
    assert facets["office"] == {"BHXH-79-01": 3, "BHXH-79-07": 1}
    assert facets["result_type"] == {"KQ.G15.000031": 3, "KQ.G15.000032": 1}
    assert facets["trust"] == {"digitised": 3, "born-digital": 1}
    assert facets["state"] == {"stored": 4}
    assert facets["year"] == {"2021": 3, "2022": 1}


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"size": 0}, "size"),
        ({"size": 101}, "size"),
        ({"size": "many"}, "size"),
        ({"sort": "price"}, "sort"),
        ({"facet": "signer"}, "facet.0"),
        ({"trust": "blind"}, "trust.0"),
        ({"state": "lost"}, "state.0"),
        ({"issued_from": "2021-02-30"}, "issued_from"),
        ({"stored_to": "yesterday"}, "stored_to"),
        ({"scheme": "passport", "number": "1"}, "scheme"),
        ({"scheme": "citizen"}, "number"),
        ({"number": "079061001234"}, "scheme"),
        ({"q": "x" * 10_001}, "q"),
    ],
)
def test_wrong_argument_is_named(reader: ApiCaller, terms: dict[str, Any], field: str) -> None:
    answer = reader.get("/api/v1/search", query_string=terms)
    assert wrong_fields(assert_problem(answer, 400, "invalid-input")) == [field]


def test_number_that_is_impossible_is_told(reader: ApiCaller) -> None:
    answer = reader.get("/api/v1/search?scheme=citizen&number=12")
    assert_problem(answer, 400, "invalid-input")


@pytest.mark.parametrize("cursor", ["x", "AAAA", "e30", "eyJhIjoxfQ", "🦆", "\x00", "A" * 5000])
def test_cursor_that_is_none_is_told(reader: ApiCaller, five: list[str], cursor: str) -> None:
    answer = reader.get("/api/v1/search", query_string={"q": "bảo", "cursor": cursor})
    assert answer.status_code == 400, answer.text


ODD_WORDS = [
    '"',
    '""',
    '"a',
    "-",
    "--",
    '-"',
    "- -",
    "*",
    "a*",
    "?",
    "(",
    ")",
    "a AND",
    "OR",
    "NOT",
    "a:b",
    "text:(",
    "[a TO b]",
    "{}",
    "\\",
    "\\\\",
    "/",
    "//",
    "~",
    "a~2",
    "^",
    "a^9",
    "+",
    "&&",
    "||",
    "!",
    "<b>",
    "%",
    "%00",
    "\x00",
    "a\x00b",
    "\ufeff",
    "\u202e",
    "🦆",
    "ạ̣̣̣",
    "đ" * 500,
    "a " * 1000,
    "'; DROP TABLE records; --",
    "${jndi:x}",
    "\n\t",
    "０１２３",
    "１",
]


@pytest.mark.parametrize("words", ODD_WORDS, ids=range(len(ODD_WORDS)))
def test_odd_words_are_text_and_never_an_error(reader: ApiCaller, five: list[str], words: str) -> None:
    assert reader.get("/api/v1/search", query_string={"q": words}).status_code == 200


@pytest.mark.parametrize(
    "terms",
    [
        {"office": "\x00"}, {"result_type": "\x00"}, {"dossier": "\x00"}, {"office": "x" * 5000}, {"dossier": "🦆"},
        {"issued_from": "0001-01-01"}, {"issued_to": "9999-12-31"}, {"stored_from": "0001-01-01"},
        {"stored_to": "9999-12-31"}, {"stored_to": "0001-01-01"}, {"stored_from": "9999-12-31"},
        {"issued_from": "2022-01-01", "issued_to": "2021-01-01"},
    ],
    ids=str,
)  # fmt: skip
def test_odd_filters_are_never_a_fault(reader: ApiCaller, five: list[str], terms: dict[str, Any]) -> None:
    assert reader.get("/api/v1/search", query_string=terms).status_code in {200, 400}


@pytest.mark.parametrize(
    "path",
    [
        f"/api/v1/findings/{10**30}/resolution",
        f"/api/v1/findings/{'9' * 5000}/resolution",
        f"/api/v1/subjects/merges/{10**30}/undoing",
        "/api/v1/findings/-1/resolution",
    ],
)
def test_numbers_beyond_reason_are_not_found(reader: ApiCaller, path: str) -> None:
    answer = reader.post(path, {"reason": "x"} if "merges" in path else {"resolution": "x"})
    assert_problem(answer, 404, "not-found")


def test_index_that_is_down_is_told(service: Service, archivist: ApiCaller) -> None:
    service.index.down = True
    answer = archivist.get("/api/v1/search?q=x")
    assert assert_problem(answer, 503, "unavailable")["component"] == "index"
    assert answer.headers["Retry-After"]


def test_search_is_one_event_with_the_ids_it_returned(
    service: Service, archivist: ApiCaller, own_five: list[str]
) -> None:
    before = service.archive.register.read(lambda unit: unit.log.size())
    hits(archivist, q="bảo hiểm")
    assert service.archive.register.read(lambda unit: unit.log.size()) == before + 1


def test_subject_page_shows_every_result_in_time_order(reader: ApiCaller, five: list[str]) -> None:
    page = reader.get(f"/api/v1/subjects/social-insurance/{NUMBER}").get_json()
    assert page["subject"]["name"] == NAME
    assert page["subject"]["kind"] == "person"
    assert [one["number"] for one in page["subject"]["identifiers"]] == [NUMBER]
    assert page["subject"]["merges"] == []
    assert sorted(record["id"] for record in page["records"]) == sorted(five[:3])
    days = [record["metadata"]["issued_on"] for record in page["records"]]
    assert days == sorted(days)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("citizen/079061001234", 404, "not-found"),
        ("citizen/12", 400, "invalid-input"),
        ("passport/12", 400, "invalid-input"),
        ("citizen/%00", 400, "invalid-input"),
    ],
)
def test_subject_that_is_not_there_is_told(reader: ApiCaller, path: str, status: int, code: str) -> None:
    assert_problem(reader.get(f"/api/v1/subjects/{path}"), status, code)


def merge(kept: str, merged: str) -> dict[str, Any]:
    return {
        "kept": {"scheme": "social-insurance", "number": kept},
        "merged": {"scheme": "social-insurance", "number": merged},
        "reason": "Cùng một người",
    }


def test_merged_subjects_share_one_page_until_the_merge_is_undone(archivist: ApiCaller, own_five: list[str]) -> None:
    done = archivist.post("/api/v1/subjects/merges", merge(NUMBER, "9876543210"))
    assert done.status_code == 201
    body = done.get_json()
    assert body["reason"] == "Cùng một người"
    assert body["unmerged_at"] is None
    for number in (NUMBER, "9876543210"):
        page = archivist.get(f"/api/v1/subjects/social-insurance/{number}").get_json()
        assert sorted(record["id"] for record in page["records"]) == sorted(own_five[:4])
        assert [one["id"] for one in page["subject"]["merges"]] == [body["id"]]
    assert sorted(hits(archivist, scheme="social-insurance", number="9876543210")) == sorted(own_five[:4])
    undone = archivist.post(f"/api/v1/subjects/merges/{body['id']}/undoing", {"reason": "Nhầm người"})
    assert undone.status_code == 200
    assert undone.get_json()["unmerge_reason"] == "Nhầm người"
    page = archivist.get("/api/v1/subjects/social-insurance/9876543210").get_json()
    assert [record["id"] for record in page["records"]] == [own_five[3]]
    again = archivist.post(f"/api/v1/subjects/merges/{body['id']}/undoing", {"reason": "x"})
    assert_problem(again, 409, "already-unmerged")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (merge(NUMBER, NUMBER), 409, "already-merged"),
        (merge(NUMBER, "1111111111"), 404, "not-found"),
        (merge(NUMBER, "12"), 400, "invalid-input"),
        ({**merge(NUMBER, "9876543210"), "reason": " "}, 400, "invalid-input"),
        ({}, 400, "invalid-input"),
    ],
)
def test_merge_that_cannot_be_is_told(
    reader: ApiCaller, five: list[str], body: dict[str, Any], status: int, code: str
) -> None:
    assert_problem(reader.post("/api/v1/subjects/merges", body), status, code)


def test_subject_is_given_another_number_and_is_found_by_it(archivist: ApiCaller, own_five: list[str]) -> None:
    body = {
        "known": {"scheme": "social-insurance", "number": NUMBER},
        "added": {"scheme": "citizen", "number": "079061001234"},
        "valid_from": "2021-07-01",
        "reason": "Đổi sang số định danh",
    }
    answer = archivist.post("/api/v1/subjects/identifiers", body)
    assert answer.status_code == 200, answer.text
    page = archivist.get("/api/v1/subjects/citizen/079061001234").get_json()
    assert sorted(record["id"] for record in page["records"]) == sorted(own_five[:3])
    (added,) = [one for one in page["subject"]["identifiers"] if one["scheme"] == "citizen"]
    assert (added["valid_from"], added["valid_to"]) == ("2021-07-01", None)
    taken = body | {"known": {"scheme": "social-insurance", "number": "9876543210"}}
    assert_problem(archivist.post("/api/v1/subjects/identifiers", taken), 409, "identifier-of-another-subject")


def test_person_and_employer_are_never_merged(archivist: ApiCaller, depositor: ApiCaller, own_five: list[str]) -> None:
    employer = {
        "kind": "employer", "name": "Công ty A", "identifiers": [{"scheme": "tax-code", "number": "0301234567"}]
    }  # fmt: skip
    assert depositor.deposit(a_pdf("e"), metadata(subject=employer), key="e").status_code == 201
    body = merge(NUMBER, "x") | {"merged": {"scheme": "tax-code", "number": "0301234567"}}
    assert_problem(archivist.post("/api/v1/subjects/merges", body), 409, "different-kinds")


def test_everyone_who_may_search_sees_only_own_offices(filled: tuple[Service, list[str]]) -> None:
    service, five = filled
    district = service.caller(Role.ARCHIVIST, office="BHXH-79-07")
    assert hits(district, q="bảo hiểm") == [five[2]]
    assert hits(district, q="bảo hiểm", office="BHXH-79") == [five[2]]
