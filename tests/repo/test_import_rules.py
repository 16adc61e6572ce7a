"""The import table of docs/ARCHITECTURE.md, kept over the syntax tree: no module has to be importable for it."""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {"edge", "drivers", "ringbuffer", "models", "cloud_bridge"}
# What a package may import of ours beside itself.
OURS_ALLOWED = {
    "drivers": set(),
    "ringbuffer": set(),
    "models": set(),
    "edge": {"drivers", "ringbuffer", "models"},
    "cloud_bridge": {"edge.wire"},
}
# Third-party libraries of the packages that have a closed list.
THIRD_PARTY_ALLOWED = {"ringbuffer": {"numpy"}, "models": {"numpy", "ai_edge_litert", "tflite_runtime"}}
# Training runs on an engineer's machine, never on a box, and the wheel leaves it out: it has libraries of its own.
TRAINING = ("models/train.py", "models/training/")
TRAINING_ALLOWED = {"numpy", "PIL", "tensorflow", "torch", "ai_edge_litert"}
# Where parts meet: the processes' composition roots and the commands that try one device out.
COMPOSITION_ROOTS = {
    "edge/app.py",
    "edge/cli.py",
    "edge/ear.py",
    "edge/eye/run.py",
    "edge/eye/smiles.py",
    "edge/field/examination.py",
    "edge/learn.py",
}


@dataclass(frozen=True)
class Import:
    file: str
    module: str
    lazy: bool

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]


def imports(file: str, source: str) -> Iterator[Import]:
    """Every import of a file, `from edge import wire` as edge.wire; lazy where it runs in a call or only for types."""

    def walk(node: ast.AST, *, lazy: bool) -> Iterator[Import]:
        match node:
            case ast.Import():
                yield from (Import(file, alias.name, lazy) for alias in node.names)
            case ast.ImportFrom(module=module, level=level):
                assert not level, f"{file}:{node.lineno}: relative import"
                yield from (Import(file, f"{module}.{alias.name}", lazy) for alias in node.names)
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                lazy = True
        lazy = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.iter_child_nodes(node):
            yield from walk(child, lazy=lazy)

    return walk(ast.parse(source), lazy=False)


def of_package(package: str) -> list[Import]:
    files = (ROOT / package).rglob("*.py")
    found = [found for path in files for found in imports(str(path.relative_to(ROOT)), path.read_text())]
    return [one for one in found if not one.file.startswith(TRAINING)]


def of_training() -> list[Import]:
    files = [path for path in (ROOT / "models").rglob("*.py") if str(path.relative_to(ROOT)).startswith(TRAINING)]
    return [found for path in files for found in imports(str(path.relative_to(ROOT)), path.read_text())]


def within(module: str, allowed: set[str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in allowed)


@pytest.mark.parametrize("package", sorted(OURS))
def test_a_package_imports_only_what_its_row_allows(package: str) -> None:
    found = of_package(package)
    ours = {i for i in found if i.top in OURS and not within(i.module, OURS_ALLOWED[package] | {package})}
    assert ours == set()
    if package in THIRD_PARTY_ALLOWED:
        others = {i for i in found if i.top not in OURS | sys.stdlib_module_names | THIRD_PARTY_ALLOWED[package]}
        assert others == set()


@pytest.mark.parametrize("package", sorted(OURS))
def test_no_package_imports_what_is_not_installed_with_it(package: str) -> None:
    assert {i for i in of_package(package) if i.top in {"tests", "demo", "bench", "tools"}} == set()


def test_training_imports_models_and_its_own_libraries_only() -> None:
    found = of_training()
    assert {i.top for i in found} - sys.stdlib_module_names - {"models"} == TRAINING_ALLOWED


def test_nothing_that_is_installed_imports_training() -> None:
    found = [one for package in OURS for one in of_package(package)]
    assert {i for i in found if within(i.module, {"models.train", "models.training"})} == set()


def test_each_hardware_library_is_imported_lazily_in_one_file() -> None:
    files = defaultdict(set)
    for found in of_package("drivers"):
        if found.top not in OURS | sys.stdlib_module_names | {"numpy"}:
            files[found.top].add(found.file)
            assert found.lazy, f"{found.file} imports {found.module} before the device is asked for"
    assert {library: names for library, names in files.items() if len(names) > 1} == {}


def test_only_composition_roots_know_concrete_drivers() -> None:
    concrete = {i for i in of_package("edge") if i.top == "drivers" and not within(i.module, {"drivers.contract"})}
    assert {i for i in concrete if i.file not in COMPOSITION_ROOTS} == set()


def test_the_reader_of_imports_sees_every_form() -> None:
    source = "import a.b\nfrom edge import wire\nif TYPE_CHECKING:\n    import c\nasync def f():\n    from d import e\n"
    assert list(imports("x.py", source)) == [
        Import("x.py", "a.b", lazy=False),
        Import("x.py", "edge.wire", lazy=False),
        Import("x.py", "c", lazy=True),
        Import("x.py", "d.e", lazy=True),
    ]
