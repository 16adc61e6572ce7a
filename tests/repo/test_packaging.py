"""What is installed is what the repository holds: one wheel with five packages, their data and their libraries."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from email.message import Message
from email.parser import Parser
from importlib.metadata import packages_distributions
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("edge", "drivers", "ringbuffer", "models", "cloud_bridge")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# How weights are made: on an engineer's machine, with libraries of its own, hence not in the wheel.
TRAINING = ("models/train.py", "models/training/", "models/requirements-train.txt")
# Libraries that others import for us.
IMPORTED_FOR_US = {
    "jinja2": "Litestar's template engine",
    "lgpio": "gpiozero's pin factory",
    "psycopg": "SQLAlchemy's PostgreSQL driver, chosen by the store's URL",
}


def pip(*arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments], check=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our wheel, built from this checkout without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    (built,) = folder.glob("earshot-*.whl")
    return built


@pytest.fixture(scope="module")
def members(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def git_files(*paths: str) -> set[str]:
    listing = subprocess.run(["git", "ls-files", "-z", "--", *paths], cwd=ROOT, check=True, capture_output=True)
    return {name for name in listing.stdout.decode().split("\0") if name and (ROOT / name).is_file()}


def metadata(wheel: Path) -> Message:
    with ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_the_wheel_holds_our_packages_and_nothing_else(members: set[str]) -> None:
    tops = {name.partition("/")[0] for name in members}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_every_file_of_a_package_is_in_the_wheel(members: set[str]) -> None:
    training = {name for name in git_files("models") if name.startswith(TRAINING)}
    assert git_files(*PACKAGES) - training - members == set()
    assert training & members == set()


def test_the_browser_parts_that_pages_load_are_in_the_wheel(members: set[str]) -> None:
    pages = [path for path in (ROOT / "cloud_bridge/web").rglob("*.*") if path.suffix in {".html", ".js", ".py"}]
    own = [path.read_text() for path in pages if "vendor" not in path.parts]
    loaded = {name for text in own for name in re.findall(r"vendor/([\w.-]+)", text)}
    fetched = set(re.findall(r"^    \S+/(\S+)$", (ROOT / "tools/browser-parts").read_text(), re.MULTILINE))
    assert loaded == fetched != set()
    assert {f"cloud_bridge/web/static/vendor/{name}" for name in fetched} - members == set()


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    about = metadata(wheel)
    assert about["Name"] == "earshot"
    assert about["Version"] == PROJECT["version"]
    assert set(about["Requires-Python"].split(",")) == {">=3.11", "<3.14"}
    assert set(about.get_all("Provides-Extra", [])) == {"box", "pi", "bridge", "dev"}


def test_each_package_and_module_comes_from_our_wheel(wheel: Path, tmp_path: Path) -> None:
    pip("install", "--quiet", "--no-index", "--no-deps", "--no-compile", "--target", tmp_path, wheel)
    # Alembic runs its migrations itself; __main__ is a program.
    modules = [
        ".".join(path.relative_to(tmp_path).with_suffix("").parts).removesuffix(".__init__")
        for package in PACKAGES
        for path in (tmp_path / package).rglob("*.py")
        if path.stem != "__main__" and "migrations" not in path.parts
    ]
    assert set(PACKAGES) <= set(modules)
    program = (
        "import importlib, sys\n"
        "target, *names = sys.argv[1:]\n"
        "sys.path.insert(0, target)\n"
        "for name in names:\n"
        "    found = importlib.import_module(name).__file__\n"
        "    assert found and found.startswith(target + '/'), (name, found)\n"
    )
    subprocess.run([sys.executable, "-I", "-c", program, tmp_path, *modules], check=True, cwd="/")


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def names_of(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9._-]", line)[0].lower() for line in requirements}


def imported_distributions(*paths: Path) -> set[str]:
    """Distributions that the files import, lazily or not."""
    owners = packages_distributions()
    tops = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                tops |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                tops.add(node.module.partition(".")[0])
    third_party = tops - sys.stdlib_module_names - set(PACKAGES)
    unknown = {top for top in third_party if top not in owners and top not in {"gpiod", "lgpio", "picamera2"}}
    assert unknown == set(), "imported but in no installed distribution"
    return {canonical(name) for top in third_party for name in owners.get(top, [top])}


@pytest.mark.parametrize(
    ("extra", "folders"),
    [("box", ["edge", "drivers", "ringbuffer", "models"]), ("bridge", ["cloud_bridge", "edge/wire"])],
)
def test_an_extra_names_what_its_packages_import_and_no_more(extra: str, folders: list[str]) -> None:
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    files = [path for path in found if not str(path.relative_to(ROOT)).startswith(TRAINING)]
    declared = names_of(PROJECT["optional-dependencies"][extra])
    used = imported_distributions(*files) - names_of(PROJECT["optional-dependencies"]["pi"])
    assert used - declared == set(), "imported but not declared"
    assert declared - used - IMPORTED_FOR_US.keys() == set(), "declared but not imported"


def locked(name: str) -> dict[str, set[str]]:
    """The versions of each distribution in a lock; a distribution may have one a Python version."""
    pins: dict[str, set[str]] = {}
    blocks = re.split(r"\n(?=\S)", (ROOT / f"requirements/{name}.txt").read_text())
    for block in blocks:
        if block.startswith("#"):
            continue
        assert "--hash=sha256:" in block, f"{name}.txt: no hash for {block[:60]}"
        distribution, version = re.split(r"[ \\;]", block)[0].split("==")
        pins.setdefault(distribution, set()).add(version)
    return pins


@pytest.mark.parametrize(
    ("extra", "packages"),
    [("box", ["edge", "drivers", "ringbuffer", "models"]), ("bridge", ["cloud_bridge", "edge.wire"])],
)
def test_an_extra_is_enough_for_its_packages(extra: str, packages: list[str]) -> None:
    owners = packages_distributions()
    present = {canonical(name) for name in locked(extra)}
    absent = {top for top, names in owners.items() if not {canonical(name) for name in names} & (present | {"earshot"})}
    program = (
        "import importlib, json, pkgutil, sys\n"
        "packages, absent = json.loads(sys.argv[1])\n"
        "sys.modules.update(dict.fromkeys(absent))\n"  # None makes an import fail.
        "for package in packages:\n"
        "    path = importlib.import_module(package).__path__\n"
        "    for found in pkgutil.walk_packages(path, package + '.'):\n"
        "        apart = ('models.training', '__main__', 'migrations')\n"
        "        if not any(name in found.name for name in apart):\n"
        "            importlib.import_module(found.name)\n"
    )
    arguments = json.dumps([packages, sorted(absent)])
    ended = subprocess.run(
        [sys.executable, "-I", "-c", program, arguments], cwd="/", stderr=subprocess.PIPE, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("extra", ["box", "bridge", "dev"])
def test_the_locks_hold_what_the_extras_name(extra: str) -> None:
    pins, everything = locked(extra), locked("dev")
    assert names_of(PROJECT["optional-dependencies"][extra]) - pins.keys() == set()
    assert {name: versions for name, versions in pins.items() if everything[name] != versions} == {}


def test_what_builds_is_locked_too() -> None:
    wanted = {line for line in (ROOT / "requirements/build.in").read_text().split("\n") if line and line[0] != "#"}
    assert wanted - locked("build").keys() == set()


def test_no_file_names_a_registry() -> None:
    hosts = [("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"), ("yarnpkg", "com")]
    hosts += [("piwheels", "org"), ("unpkg", "com"), ("jsdelivr", "net"), ("ghcr", "io"), ("docker", "io")]
    pattern = re.compile("|".join(re.escape(".".join(host)) for host in hosts).encode())
    naming = {name: match[0] for name in git_files() if (match := pattern.search((ROOT / name).read_bytes()))}
    assert naming == {}


def test_modules_stay_short_enough_to_read_at_once() -> None:
    lengths = {
        name: len((ROOT / name).read_text().splitlines())
        for name in git_files(*PACKAGES, "demo", "bench", "tools")
        if name.endswith(".py")
    }
    assert {name: length for name, length in lengths.items() if length > 330} == {}
