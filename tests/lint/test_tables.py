"""The documents list what the .def tables hold, and nothing else."""

import json
import subprocess

import pytest

import tables
from tree import ROOT


@pytest.mark.parametrize("name", tables.BLOCKS)
def test_documents_hold_the_tables(name):
    """When it fails: python3 tests/lint/tables.py writes the tables into the documents."""
    document = tables.document(name)
    assert document.exists(), f"{document} is missing"
    assert tables.written(document.read_text(), name) == document.read_text()


@pytest.mark.parametrize("rows", [tables.ops(), tables.rows("common/errors.def", "ERROR")], ids=["ops", "errors"])
def test_numbers_and_names_are_unique(rows):
    numbers, names = zip(*[(int(row[0]), row[1]) for row in rows])
    assert len(set(numbers)) == len(numbers) and len(set(names)) == len(names)
    assert list(numbers) == sorted(numbers)


@pytest.mark.parametrize("folder", ["tests/compat", "console", "console/toolchain"])
def test_lock_names_no_registry(folder):
    lock = json.loads((ROOT / folder / "package-lock.json").read_text())
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]


@pytest.mark.parametrize("folder", ["tests/compat", "console", "console/toolchain"])
def test_lock_is_whole(folder):
    """npm ci refuses a lock that lacks what a package may depend on, npm install does not write what it could not find."""
    packages = json.loads((ROOT / folder / "package-lock.json").read_text())["packages"]
    there = {path.rpartition("node_modules/")[2] for path in packages}
    wanted = {name for package in packages.values() for kind in ("dependencies", "optionalDependencies") for name in package.get(kind, ())}
    bundled = {name for package in packages.values() for name in package.get("bundleDependencies", ())}
    assert sorted(wanted - there - bundled) == []


def test_shell_scripts_parse():
    for script in ("dev", ".ci/run", "console/make.sh", "console/steps.sh"):
        subprocess.run(["bash", "-n", ROOT / script], check=True)
