"""What the lab's image is made of, and when it is made anew."""

from pathlib import Path

import pytest

from lab import apt, lockfile, recipe, store
from lab.errors import LabError

ROOT = Path(__file__).parents[2]

DEB822 = """\
# a comment
Types: deb deb-src
URIs: http://one.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/one.gpg

Types: deb
URIs: http://two.example/security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: http://three.example/off
Suites: bookworm
Components: main
Enabled: no
"""
ONE_LINE = """\
deb-src http://none.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://four.example/debian trixie main non-free # comment
deb http://five.example/security trixie-security main
deb http://six.example/other trixie universe
"""


@pytest.fixture
def etc_apt(tmp_path):
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "debian.sources").write_text(DEB822)
    (tmp_path / "sources.list").write_text(ONE_LINE)
    return tmp_path


def test_both_notations_of_apt_sources_are_read(etc_apt):
    lines = apt.archive_lines(
        ["bookworm", "bookworm-security", "trixie-backports"], apt.machine_sources(etc_apt), "bookworm"
    )
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    assert lines == [
        "deb [signed-by=/usr/share/keyrings/one.gpg] http://one.example/debian bookworm main",
        f"deb [signed-by={keyring}] http://two.example/security bookworm-security main",
        "deb [signed-by=/usr/share/keyrings/one.gpg] http://one.example/debian trixie-backports main",
    ]
    of_trixie = apt.archive_lines(["bookworm", "bookworm-security"], apt.machine_sources(etc_apt), "trixie")
    assert of_trixie == [
        "deb [signed-by=/k.gpg] http://four.example/debian bookworm main",
        f"deb [signed-by={keyring}] http://five.example/security bookworm-security main",
    ]


def test_a_machine_without_the_archive_is_told_where_to_look(etc_apt):
    with pytest.raises(LabError, match=r"no source for the suite 'forky'.*sources\.list"):
        apt.archive_lines(["bookworm"], apt.machine_sources(etc_apt), "forky")


LOCK = """\
# written by a program
one==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
two==2.0 ; python_full_version < '3.12' \\
    --hash=sha256:cc
two==3.0 ; python_full_version >= '3.12' \\
    --hash=sha256:dd
Three_x==3 ; sys_platform == 'win32' \\
    --hash=sha256:ee
"""


def test_markers_of_a_lock_are_those_of_the_guest():
    wanted = "one==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\ntwo==2.0 \\\n    --hash=sha256:cc\n"
    assert lockfile.for_guest(LOCK) == wanted
    assert lockfile.for_guest(LOCK, {"one"}) == "two==2.0 \\\n    --hash=sha256:cc\n"
    assert lockfile.names(LOCK) == {"one", "two", "three-x"}


def test_the_box_is_installed_by_the_lines_of_the_field_page():
    install = recipe.field_install((ROOT / "docs/FIELD.md").read_text())
    assert {"python3-venv", "libasound2-dev", "fonts-dejavu-core"} <= set(install.packages)
    assert "\\" not in "".join(install.packages)
    assert install.before_project.count("--require-hashes") == 2
    assert "systemd-sysusers" in install.after_project
    assert {"systemd/earshot-ear.service", "systemd/earshot-eye.service"} <= set(install.after_project.split())
    assert "pip" not in install.after_project


def test_a_field_page_without_the_block_is_refused():
    with pytest.raises(LabError, match=r"docs/FIELD\.md has no shell block"):
        recipe.field_install("# In the field\n\n```sh\napt-get install python3\n```\n")


def test_layout_and_comments_of_the_builders_make_no_new_image():
    plain = recipe.code_of("def f(a):\n    return a + 1\n")
    assert (
        recipe.code_of('"""Page."""\n\ndef f(a):  # why\n    """What."""\n    return (\n        a + 1\n    )\n')
        == plain
    )
    assert recipe.code_of("def f(a):\n    return a + 2\n") != plain


def test_every_part_of_the_recipe_changes_its_key():
    base = recipe.load()
    others = [
        recipe.Recipe(recipe.FieldInstall((), "x", "y"), base.build_lock, base.box_lock, base.lab_lock, base.programs),
        recipe.Recipe(base.field, base.build_lock, base.box_lock + "x", base.lab_lock, base.programs),
        recipe.Recipe(base.field, base.build_lock, base.box_lock, base.lab_lock + "x", base.programs),
        recipe.Recipe(base.field, base.build_lock, base.box_lock, base.lab_lock, {**base.programs, "init": "x"}),
    ]
    assert len({base.key, *(other.key for other in others)}) == 5
    later = recipe.FieldInstall(base.field.packages, base.field.before_project, "other lines")
    same = recipe.Recipe(later, base.build_lock, base.box_lock, base.lab_lock, base.programs)
    assert same.key == base.key, "what a job runs is no part of the image"


def test_what_is_in_the_store_is_not_built_again(tmp_path):
    built = []

    def build(folder):
        built.append(folder.name)
        (folder / "file").write_text("content")

    first, seconds = store.built(tmp_path, "a", build)
    assert seconds > 0
    assert store.built(tmp_path, "a", build) == (first, 0.0)
    store.built(tmp_path, "a", build, rebuild=True)
    assert built == ["a.part", "a.part"]
    assert (first / "file").read_text() == "content"


def test_a_failed_build_leaves_what_was_there(tmp_path):
    store.built(tmp_path, "a", lambda folder: (folder / "file").write_text("good"))

    def fail(folder):
        (folder / "file").write_text("half")
        raise LabError("no")

    with pytest.raises(LabError, match="no"):
        store.built(tmp_path, "a", fail, rebuild=True)
    assert (tmp_path / "a" / "file").read_text() == "good"
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["a"]


def test_old_builds_go_the_last_two_stay(tmp_path):
    for key in ("a", "b", "a", "c"):
        store.built(tmp_path, key, lambda folder: None)
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"a", "c"}
