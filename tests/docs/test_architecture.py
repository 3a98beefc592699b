"""The map for newcomers names what exists, and all rooms of the library."""

import re

import pytest
from running import ROOT

PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
ANSWERS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.split("## Where do I change")[1].splitlines()
    if line.startswith("| ") and not line.startswith("| to change")
]


@pytest.mark.parametrize(("question", "file", "example"), ANSWERS)
def test_each_answer_is_a_file(question: str, file: str, example: str):
    for path in (file, example):
        assert (ROOT / path.strip("`")).is_file(), f"{question}: {path}"


def test_the_questions_of_a_newcomer_are_answered():
    asked = {question for question, _, _ in ANSWERS}
    assert asked >= {
        "an environment",
        "a source of data",
        "a search objective",
        "an engine of planning",
        "a figure",
        "a claim",
        "a baseline",
    }


def test_all_rooms_are_on_the_map():
    rooms = {path.name for path in (ROOT / "lib/tto").iterdir() if (path / "__init__.py").is_file()}
    assert rooms - {"cli"} == set(re.findall(r"^\| `(\w+)/` \|", PAGE, re.MULTILINE))
    for room in (ROOT / "lib/tto/report").iterdir():
        if (room / "__init__.py").is_file():
            assert re.search(rf"\b{room.name}\b", PAGE)
