"""The command of `scripts/mutate`.

It changes copies only, under mutants/, and starts each run anew: what a test notices depends on tests that may have
changed since.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from mutation.rest import Change, Copy, changes

DESCRIPTION = """\
Changes the retention rules in every small way there is and counts the changes that a test notices.

  scripts/mutate                   every module, ten to twenty minutes
  scripts/mutate periods holds     some

mutmut makes the changes inside functions; those outside of them and in properties are made here in the same way.
Prints every change that no test noticed. Exits 1 when a branch is not run, or fewer than 90 % are noticed.
"""

RULES = Path("retention")
TESTS = "tests/retention"
FOLDER = Path("mutants")
LEAST_PERCENT = 90

# Exit codes of a mutant's tests, as mutmut keeps them (mutmut.stats): failing tests, and an end that never came. What
# else there is counts as not noticed, 255 too: it may be tests that cannot be read, because they call a rule at import.
_KILLED = frozenset({1, 3})
_TIMED_OUT = frozenset({36, 24, -24, 152})


@dataclass(slots=True)
class Count:
    """What became of the changes of one module."""

    killed: int = 0
    timed_out: list[str] = field(default_factory=list)  # noticed too: the tests went in circles
    survivors: list[str] = field(default_factory=list)

    @property
    def noticed(self) -> int:
        """Return how many changes made the tests fail or never end."""
        return self.killed + len(self.timed_out)

    @property
    def total(self) -> int:
        """Return how many changes there were."""
        return self.noticed + len(self.survivors)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/mutate", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="a module of retention/, without folder and .py")
    names = parser.parse_args(arguments).modules
    paths = [RULES / f"{name}.py" for name in names] or sorted(RULES.glob("*.py"))
    for path in paths:
        if not path.is_file():
            parser.error(f"there is no {path}")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    if not _every_branch_is_run():
        return 1
    inside = _by_mutmut(paths)
    outside = _by_hand(paths)
    _print_table(inside, outside)
    counts = [*inside.values(), *outside.values()]
    percent = _percent(counts)
    if percent < LEAST_PERCENT:
        print(f"scripts/mutate: {percent:.1f} % are noticed, {LEAST_PERCENT} % must be", file=sys.stderr)
        return 1
    return 0


def _every_branch_is_run() -> bool:
    """A change in a line that no test runs cannot be noticed: that is told first."""
    environment = os.environ | {"COVERAGE_FILE": str(FOLDER / "coverage")}
    coverage = [sys.executable, "-m", "coverage"]
    measured = [*coverage, "run", "--branch", f"--source={RULES}", "-m", "pytest", "-q", TESTS]
    told = [*coverage, "report", "--show-missing", "--skip-covered", "--fail-under=100"]
    return all(subprocess.run(command, env=environment, check=False).returncode == 0 for command in (measured, told))


def _by_mutmut(paths: Sequence[Path]) -> dict[str, Count]:
    """Return the counts by module of what mutmut changes."""
    log = FOLDER / "mutmut.log"
    print(f"== inside functions, by mutmut ({log})", flush=True)
    # Each process compiles what it tests unless one before it has kept that, whatever the caller's own processes do.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}
    with log.open("wb") as out:
        command = [
            sys.executable,
            "-m",
            "mutmut",
            "run",
            "--max-children",
            "1",
            *(f"{_module(path)}.*" for path in paths),
        ]
        subprocess.run(command, env=environment, stdout=out, stderr=subprocess.STDOUT, check=True)
    counts: dict[str, Count] = {}
    for path in paths:
        for name, status in json.loads((FOLDER / f"{path}.meta").read_text("utf-8"))["exit_code_by_key"].items():
            count = counts.setdefault(path.stem, Count())
            if status is None:
                sys.exit(f"scripts/mutate: mutmut stopped before {name} ({log})")
            if status in _KILLED:
                count.killed += 1
            elif status in _TIMED_OUT:
                count.timed_out.append(name)
            else:
                count.survivors.append(name)
    for count in counts.values():
        for name in count.survivors:
            subprocess.run([sys.executable, "-m", "mutmut", "show", name], check=True)
    return counts


def _by_hand(paths: Iterable[Path]) -> dict[str, Count]:
    """Return the counts by module of what mutmut leaves out."""
    print("== outside of functions, and properties", flush=True)
    settings = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["tool"]["mutmut"]
    for name in Path(settings["preload_modules_file"]).read_text("utf-8").split("\n"):
        if name and not name.startswith("#"):
            import_module(name)
    copied = ["pyproject.toml", "tests", *settings["source_paths"], *settings["also_copy"]]
    copy = Copy(
        FOLDER / "rest", copied, settings["pytest_add_cli_args_test_selection"], settings["pytest_add_cli_args"]
    )
    counts: dict[str, Count] = {}
    for path in paths:
        if not copy.passes(path.stem):
            sys.exit("scripts/mutate: the tests fail on the unchanged copy")
        made = list(changes(path))
        if made:
            counts[path.stem] = _tried(copy, made)
    return counts


def _tried(copy: Copy, made: Iterable[Change]) -> Count:
    count = Count()
    for change in made:
        if copy.survives(change):
            count.survivors.append(change.name)
            print(f"# {change.name}: survived\n{change.diff()}\n", flush=True)
        else:
            count.killed += 1
    return count


def _module(path: Path) -> str:
    return ".".join(path.with_suffix("").parts)


def _percent(counts: Iterable[Count]) -> float:
    counts = list(counts)
    total = sum(count.total for count in counts)
    return 100 * sum(count.noticed for count in counts) / total if total else 100


def _print_table(inside: Mapping[str, Count], outside: Mapping[str, Count]) -> None:
    print(f"{'module':<16}{'inside functions':>20}{'outside':>14}{'survived':>10}{'noticed':>10}")
    for name in sorted(inside.keys() | outside.keys()):
        _print_row(name, [inside.get(name, Count())], [outside.get(name, Count())])
    _print_row("all", list(inside.values()), list(outside.values()))
    for name in [name for count in inside.values() for name in count.timed_out]:
        print(f"noticed because the tests never ended: {name}")


def _print_row(name: str, inside: Sequence[Count], outside: Sequence[Count]) -> None:
    both = [*inside, *outside]
    shown = [f"{sum(c.noticed for c in part)}/{sum(c.total for c in part)}" for part in (inside, outside)]
    survived = sum(len(count.survivors) for count in both)
    print(f"{name:<16}{shown[0]:>20}{shown[1]:>14}{survived:>10}{_percent(both):>9.1f}%")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
