"""The docs hold together: overlays are valid, links lead somewhere, all settings are explained."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from doc_blocks import COMMANDS, PAGES, SMALLER, Block, all_blocks
from running import ROOT
from snakemake.utils import update_config

from tto.config.check import check_config
from tto.config.trials import check_trials


@pytest.mark.parametrize("block", all_blocks("yaml"), ids=lambda block: block.place)
def test_overlays_are_valid(block: Block):
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    overlay = yaml.safe_load(block.text)
    assert set(overlay) <= set(config)
    update_config(config, overlay)
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    check_config(config, schema)
    check_trials(config, schema)


def test_all_blocks_are_of_a_known_kind():
    known = {COMMANDS, "python", "yaml", "mermaid", "text"}
    assert [block for block in all_blocks() if block.language not in known] == []
    for large in SMALLER:
        assert any(large in block.text for block in all_blocks("python"))


def test_every_section_of_the_config_is_explained():
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    page = (ROOT / "config/README.md").read_text()
    assert [key for key in config if f"`{key}`" not in page] == []


def links(page: Path) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            yield target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path):
    assert [link for link in links(page) if not (page.parent / link).exists()] == []
