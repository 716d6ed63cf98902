"""The checks as a whole: every requirement is covered, or somebody says why it cannot be."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from functools import cache
from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance.requirements import covered_by, requirements, unobservable
from hatch_staged.conformance.run import CHECKS

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

FILES = sorted(CHECKS.glob("test_*.py"))


@cache
def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"checks_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # where dataclasses look for it
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def checks(path: Path) -> dict[str, tuple[str, ...]]:
    """Return what each check in a file covers."""
    return {name: covered_by(check) for name, check in vars(loaded(path)).items() if name.startswith("test_")}


COVERED = {identifier for path in FILES for covered in checks(path).values() for identifier in covered}


@pytest.mark.parametrize("identifier", requirements())
def test_a_requirement_is_covered_or_cannot_be_observed(identifier: str) -> None:
    assert (identifier in COVERED) is not (identifier in unobservable())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_check_covers_something(path: Path) -> None:
    assert [name for name, covered in checks(path).items() if not covered] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_of_checks_names_its_section_of_the_pep(path: Path) -> None:
    first, *_ = (loaded(path).__doc__ or "").splitlines()
    assert first.startswith('PEP 694, "')
    covered = {requirements()[identifier].section for each in checks(path).values() for identifier in each}
    assert covered & set(re.findall(r'"(.*?)"', first))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_assertion_says_what_was_seen(path: Path) -> None:
    asserted = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Assert)]
    assert [node.lineno for node in asserted if node.msg is None] == []
