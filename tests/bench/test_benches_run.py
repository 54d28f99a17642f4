"""The benches run: what they measure is shown by ``scripts/bench``, never by a test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import PROJECT


@pytest.mark.parametrize(
    ("benches", "some"),
    [
        (
            ("searching", "indexing", "log"),
            {
                "search phrase, newest: p99",
                "index rate ÷ engine's own",
                "log recomputed: entries/s",
                "the log's share of a deposit, SQLite",
            },
        ),
        (("signed",), {f"signed deposit ÷ signature check alone, {level}" for level in ("B-B", "B-T", "B-LT")}),
    ],
)
def test_the_quick_benches_give_figures_with_their_parts(
    tmp_path: Path, benches: tuple[str, ...], some: set[str]
) -> None:
    environment = os.environ | {"ARCHIVE_BENCH_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "bench", "--quick", "--output", str(tmp_path), *benches]
    done = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    [results] = tmp_path.glob("*.json")
    figures = json.loads(results.read_text(encoding="utf-8"))
    assert some <= {figure["name"] for figure in figures}
    assert all(figure["denominator"] > 0 and figure["load"] >= 0 for figure in figures)
    # A share is the difference of two measures, which so little work may drown.
    assert all(figure["numerator"] > 0 for figure in figures if "share" not in figure["name"])
