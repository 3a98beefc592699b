"""One version everywhere, and a changelog in the form of Keep a Changelog."""

import re
import tomllib
from datetime import date

import yaml
from running import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CHANGES = (ROOT / "CHANGELOG.md").read_text()


def test_the_version_is_the_same_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    (version, day), *_ = re.findall(r"^## \[(\S+)\] - (\S+)$", CHANGES, re.MULTILINE)
    assert version == PROJECT["version"] == citation["version"]
    assert date.fromisoformat(day) == citation["date-released"]


def test_the_changelog_has_known_headings():
    kinds = set(re.findall(r"^### (.*)$", CHANGES, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
