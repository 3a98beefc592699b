import os
import subprocess
import sys
from pathlib import Path

import pytest

import tto.digest
from tto.digest import code_digest, data_digest, imported_modules


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `tto` with a chain a <- b and a bystander c."""
    root = tmp_path / "tto"
    for name, text in {
        "__init__.py": "",
        "a.py": 'VALUE = 1\n\n\ndef f(x):\n    """Add."""\n    return x + VALUE\n',
        "model/__init__.py": "",
        "model/b.py": "from tto.a import f\n",
        "c.py": "VALUE = 1\n",
    }.items():
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name).write_text(text)
    (tmp_path / "script.py").write_text("from tto.model import b\n\nprint(b.f(1))\n")
    monkeypatch.setattr(tto.digest, "PACKAGE", root)
    return root


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_change_down_the_chain_changes_the_digest(package: Path):
    script = package.parent / "script.py"
    before = code_digest(script)
    rewrite(package / "a.py", "VALUE = 1", "VALUE = 2")
    changed = code_digest(script)
    rewrite(package / "a.py", "VALUE = 2", "VALUE = 1")
    assert changed != before
    assert code_digest(script) == before


def test_comments_docstrings_and_bystanders_do_not_count(package: Path):
    script = package.parent / "script.py"
    before = code_digest(script)
    rewrite(package / "a.py", '"""Add."""', '"""Add a constant."""  # the constant')
    rewrite(package / "c.py", "VALUE = 1", "VALUE = 2")
    rewrite(script, "print", "# say it\nprint")
    assert code_digest(script) == before


def test_a_module_may_be_named_by_its_dotted_name(package: Path):
    assert code_digest("tto.model.b") != code_digest("tto.c")
    with pytest.raises(ModuleNotFoundError, match=r"tto\.nothing"):
        code_digest("tto.nothing")


def test_the_digest_does_not_depend_on_the_place(package: Path, tmp_path_factory):
    copy = tmp_path_factory.mktemp("elsewhere") / "script.py"
    copy.write_text((package.parent / "script.py").read_text())
    assert code_digest(copy) == code_digest(package.parent / "script.py")


def test_other_files_count_by_their_bytes(tmp_path: Path):
    path = tmp_path / "caption.rst"
    path.write_text("one")
    before = code_digest(path)
    path.write_text("two, longer")
    assert code_digest(path) != before


def test_a_data_file_counts_with_its_module(package: Path):
    before = code_digest("tto.model.b")
    (package / "a.csv").write_text("1,2")
    assert code_digest("tto.model.b") != before


def test_a_folder_of_sources_counts_with_its_module(package: Path):
    before = code_digest("tto.model.b")
    (package / "a").mkdir()
    (package / "a" / "kernel.cpp").write_text("int main() {}")
    assert code_digest("tto.model.b") != before


def test_imports_of_all_forms_are_seen(package: Path):
    path = package / "model" / "d.py"
    path.write_text("import numpy, tto.a\nfrom . import b\nfrom ..c import VALUE\n")
    assert imported_modules(path) == {"tto.a", "tto.model.b", "tto.c"}


def test_files_of_one_name_have_one_digest_in_any_order(tmp_path: Path):
    paths = [tmp_path / folder / "caption.rst" for folder in ("figures", "tables")]
    for path in paths:
        path.parent.mkdir()
        path.write_text(path.parent.name)
    assert code_digest(*paths) == code_digest(*reversed(paths))
    # a set of paths has no order of its own, so ask other processes, too
    program = f"from tto.digest import code_digest; print(code_digest(*{list(map(str, paths))!r}))"
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in range(4)
    }
    assert digests == {code_digest(*paths)}


@pytest.mark.parametrize("large", [False, True])
def test_other_content_has_another_digest_though_size_and_time_are_equal(
    tmp_path: Path, large: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tto.digest, "_LARGE", 0 if large else 2**24)
    file, memory = tmp_path / "folder/a", tmp_path / "memory"
    digests = set()
    for content in ("one", "two"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(content)
        os.utime(file, (1, 1))
        for path in (file, file.parent):
            found = data_digest(path, memory=memory)
            assert found == data_digest(path, memory=memory)
            digests.add(found)
    assert len(digests) == 4
    assert memory.exists() == large


def test_a_digest_of_a_large_file_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tto.digest, "_LARGE", 0)
    (tmp_path / "a").write_text("one")
    found = data_digest(tmp_path / "a", memory=tmp_path / "memory")
    monkeypatch.setattr(tto.digest, "content_digest", lambda path: pytest.fail("read again"))
    assert data_digest(tmp_path / "a", memory=tmp_path / "memory") == found


def test_a_memory_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tto.digest, "_LARGE", 0)
    (tmp_path / "a").write_text("one")
    (tmp_path / "memory").write_text("a file where the folder should be")
    assert data_digest(tmp_path / "a", memory=tmp_path / "memory") is not None
    assert data_digest(tmp_path / "none", memory=tmp_path) is None
    (tmp_path / "empty").mkdir()
    assert data_digest(tmp_path / "empty", memory=tmp_path) is None
