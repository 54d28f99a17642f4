"""What mutmut leaves out: properties, and everything outside of functions (tables, patterns, defaults, stored names).

The changes are mutmut's own, made where it does not look. Each is written into a copy of the project and tested by a
process that has imported nothing of it before: what stands outside of functions is read once, at import.
"""

from __future__ import annotations

import difflib
import gc
import os
import shutil
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import cast

import libcst as cst
from libcst.metadata import MetadataWrapper
from mutmut.mutation.file_mutation import MutationVisitor, deep_replace
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

TIMEOUT_SECONDS = 60
"""The tests of the rules take two seconds; what has not ended by then goes in circles."""


@dataclass(frozen=True, slots=True)
class Change:
    """One module with one small change. ``name`` has mutmut's form: module, place, number."""

    path: Path
    name: str
    before: str
    after: str

    def diff(self) -> str:
        """Return what is changed, without its surroundings."""
        lines = difflib.unified_diff(self.before.split("\n"), self.after.split("\n"), lineterm="", n=0)
        return "\n".join(line for line in list(lines)[2:] if not line.startswith("@@"))


def changes(path: Path) -> Iterator[Change]:
    """Yield every change of a module that mutmut does not make itself."""
    code = path.read_text("utf-8")
    wrapper = MetadataWrapper(cst.parse_module(code))
    visitor = _Everywhere()
    module = wrapper.visit(visitor)
    module_name = ".".join(path.with_suffix("").parts)
    number = 0
    for mutation in visitor.mutations:
        place = mutation.contained_by_top_level_function
        if isinstance(place, cst.FunctionDef) and not _is_property(place):
            continue
        changed = cast(cst.Module, deep_replace(module, mutation.original_node, mutation.mutated_node))
        number += 1
        name = place.name.value if isinstance(place, cst.FunctionDef) else "outside"
        yield Change(path, f"{module_name}.{name}_{number}", code, changed.code)


class _Everywhere(MutationVisitor):
    """mutmut's visitor, that looks into properties too."""

    def __init__(self) -> None:
        super().__init__(mutation_operators, IgnoredCode(set(), set(), set()))

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.FunctionDef) and _is_property(node):
            return False
        return super()._skip_node_and_children(node)


def _is_property(function: cst.FunctionDef) -> bool:
    return [one.decorator.value for one in function.decorators if isinstance(one.decorator, cst.Name)] == ["property"]


class Copy:
    """A copy of the rules and their tests, in which one module at a time is changed."""

    def __init__(self, folder: Path, copied: Iterable[str], tests: Sequence[str], arguments: Sequence[str]) -> None:
        """Make the copy. ``arguments`` go to pytest."""
        self.folder = folder
        self._tests = tests
        self._arguments = arguments
        for name in copied:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if Path(name).is_dir():
                shutil.copytree(name, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(name, target)

    def survives(self, change: Change) -> bool:
        """Whether no test notices the change; the copy is afterwards as it was."""
        self._write(change.path, change.after)
        try:
            return self.passes(change.path.stem)
        finally:
            self._write(change.path, change.before)

    def _write(self, path: Path, code: str) -> None:
        target = self.folder / path
        target.write_text(code, "utf-8")
        # A changed file may have the size and the second of the one before: no compiled one is to be trusted.
        shutil.rmtree(target.parent / "__pycache__", ignore_errors=True)

    def passes(self, module: str) -> bool:
        """Whether every test passes; those of the module are asked alone first, which is faster than all."""
        own = [path for tests in self._tests if (self.folder / (path := f"{tests}/test_{module}.py")).exists()]
        return all(self._pass(tests) for tests in (own, self._tests) if tests)

    def _pass(self, tests: Sequence[str]) -> bool:
        gc.freeze()  # what all processes share is not looked through again by each
        child = os.fork()
        if child == 0:
            self._test(tests)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status) == 0

    def _test(self, tests: Sequence[str]) -> None:
        """Run the tests in this process and end it with their status."""
        status = 1
        try:
            signal.alarm(TIMEOUT_SECONDS)  # unhandled, it ends the process
            os.chdir(self.folder)
            sys.dont_write_bytecode = False  # the tests are compiled once, whatever the caller's own processes do
            silent = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silent, 1)
            os.dup2(silent, 2)
            pytest = import_module("pytest")
            status = int(pytest.main(["--rootdir=.", "-x", "-q", *self._arguments, *tests]))
        finally:
            os._exit(status)
