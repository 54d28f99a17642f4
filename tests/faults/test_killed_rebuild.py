"""A rebuild of the index killed at every call: searches go on, and the next rebuild ends with every record in it."""

from __future__ import annotations

from itertools import islice

from tests.faults.place import Place, results
from tests.faults.points import REINDEX_CALLS, points_of


def test_killed_rebuild_is_ended_by_the_next_one_and_holds_every_record(embedded: Place) -> None:
    with embedded.running() as service, embedded.client(service) as http:
        for result in islice(results(seed=4), 3):
            embedded.deposit_surely(http, result)
        embedded.wait_until_searchable()
        for point in points_of(REINDEX_CALLS):
            embedded.run_until_killed(point, "reindex")
            found = http.get("/search", params={"q": "bảo hiểm"})
            assert found.status_code == 200, f"{point}: {found.text}"
        done = service.run("reindex", "--json")
        assert done.code == 0, done.err
        assert done.json["documents"] == len(embedded.answered)
        embedded.wait_until_searchable()
    assert embedded.problems() == []
