"""The command of `scripts/cluster-drill`. It exits 0 only when no search failed and no document was lost."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from archive_service.search.index_url import open_index
from cluster_drill.cluster import Cluster, Node
from cluster_drill.load import Figures, Load

DESCRIPTION = """\
Starts three Elasticsearch nodes on the loopback address (512 MB of heap each), indexes and searches through the
archive's adapter without a pause, and kills one node after another with SIGKILL: the one with the original of the
index, the elected master, the one with the copy. Each is started again, and the cluster made whole, before the next.

Exits 0 when no search failed, none missed a document that was acknowledged before it began, and every acknowledged
document is there at the end.
"""

INDEX = "drill"
QUIET_SECONDS = 10


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/cluster-drill", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=20, help="of load after each kill (default: 20)")
    parser.add_argument("--rounds", type=int, default=1, help="of the three kills (default: 1)")
    chosen = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="archive-cluster-drill-"))
    folder.chmod(0o711)
    cluster = Cluster(folder)
    try:
        cluster.start()
        return _drill(cluster, chosen.seconds, chosen.rounds)
    finally:
        cluster.end()
        shutil.rmtree(folder, ignore_errors=True)


def _drill(cluster: Cluster, seconds: float, rounds: int) -> int:
    index = open_index(cluster.url, name=INDEX)
    load = Load(index)
    load.start()
    victims: list[tuple[str, Callable[[], Node]]] = [
        ("original's node killed", lambda: cluster.holder(INDEX, original=True)),
        ("master killed", cluster.master),
        ("copy's node killed", lambda: cluster.holder(INDEX, original=False)),
    ]
    _heading()
    cluster.wait_until_whole()
    load.figures_since()
    time.sleep(QUIET_SECONDS)
    every = [_row("all well", load.figures_since())]
    for what, victim in victims * rounds:
        node = victim()
        cluster.kill(node)
        time.sleep(seconds)
        every.append(_row(what, load.figures_since()))
        cluster.start_node(node)
        cluster.wait_until_whole()
        every.append(_row("  and back again", load.figures_since()))
    load.stop()
    every.append(load.figures_since())
    missing = set(load.acknowledged) - set(index.record_ids())
    return _verdict(every, acknowledged=len(load.acknowledged), missing=len(missing))


def _heading() -> None:
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    print(f"{'':26}{'searches':>9}{'failed':>8}{'lost':>6}{'p50 ms':>8}{'p99 ms':>8}{'max ms':>8}", end="")
    print(f"{'put':>8}{'again':>7}{'max s':>7}", flush=True)


def _row(what: str, figures: Figures) -> Figures:
    took = sorted(figures.searches) or [0.0]
    p50, p99 = (took[int(len(took) * share)] * 1000 for share in (0.50, 0.99))
    print(f"{what:26}{len(figures.searches):>9}{len(figures.failed):>8}{figures.lost:>6}", end="")
    print(f"{p50:>8.0f}{p99:>8.0f}{took[-1] * 1000:>8.0f}", end="")
    print(f"{figures.put:>8}{figures.puts_again:>7}{figures.longest_put:>7.1f}", flush=True)
    return figures


def _verdict(every: list[Figures], *, acknowledged: int, missing: int) -> int:
    failed = [reason for figures in every for reason in figures.failed]
    lost = sum(figures.lost for figures in every)
    searches = sum(len(figures.searches) for figures in every)
    print(f"{searches} searches: {len(failed)} failed, {lost} missed a document")
    print(f"{acknowledged} documents acknowledged: {missing} missing")
    for reason in sorted(set(failed)):
        print(f"  {failed.count(reason)} × {reason}")
    return 1 if failed or lost or missing else 0


sys.exit(main(sys.argv[1:]))
