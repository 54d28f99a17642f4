"""``python -m bench [NAME…]``: runs benches one after another and shows every figure in one table."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from bench import (
    accept,
    auditing,
    cost,
    growth,
    log,
    multipart,
    phrases,
    recognise,
    retention,
    search_elastic,
    search_embedded,
    signed,
    stamping,
)
from bench.figures import Figure, keep, show

Bench = Callable[..., Iterator[Figure]]

BENCHES: Mapping[str, Bench] = {
    "accept": accept.accept,
    "auditing": auditing.auditing,
    "reading": accept.reading,
    "signed": signed.signed,
    "multipart": multipart.multipart,
    "searching": search_embedded.searching,
    "elastic": search_elastic.elastic,
    "cost": cost.cost,
    "huge": cost.huge,
    "recognising": recognise.recognising,
    "growing": growth.growing,
    "log": log.log,
    "phrases": phrases.phrases,
    "indexing": search_embedded.indexing,
    "stamping": stamping.stamping,
    "retaining": retention.retaining,
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHES)))
@click.option("--quick", is_flag=True, help="Only see that they run: the figures of so little work mean nothing.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("bench/results"), help="Folder of the JSON.")
def main(names: tuple[str, ...], quick: bool, output: Path) -> None:
    """Run the named benches, or all, and print one table. A bench that fails is told and ends with exit code 1."""
    figures: list[Figure] = []
    failed: list[str] = []
    results = output / f"{time.strftime('%Y%m%dT%H%M%S')}.json"
    for name in names or BENCHES:
        began = time.monotonic()
        try:
            for one in BENCHES[name](quick=quick):
                figures.append(one)
                keep(figures, results)
                click.echo(str(one), err=True)
        except Exception as error:  # noqa: BLE001  # one bench must not take the others' figures with it
            failed.append(name)
            click.echo(f"{name}: {type(error).__name__}: {error}", err=True)
        click.echo(f"{name}: {time.monotonic() - began:.0f} s", err=True)
    show(figures)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
