"""The site of the docs has all pages, no dead link, and works without a server or a network."""

import subprocess
import sys
from pathlib import Path

import browser
import pytest
import yaml
from doc_blocks import PAGES
from running import ROOT

SEARCH = """(async () => {
  document.querySelector("[data-md-toggle=search]").click();
  const field = document.querySelector(".md-search__input");
  field.dispatchEvent(new Event("focus"));
  field.value = "muon";
  field.dispatchEvent(new Event("keyup", {bubbles: true}));
  for (let i = 0; i < 600; i++) {
    const found = document.querySelectorAll(".md-search-result__link");
    if (found.length) return [...found].map(link => link.href);
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  return [];
})()"""
# Diagrams that are still text: once drawn, they are in a shadow tree.
UNDRAWN = """(async () => {
  const text = () => document.querySelectorAll("pre.mermaid").length;
  for (let i = 0; i < 300 && text(); i++) await new Promise(resolve => setTimeout(resolve, 100));
  return text();
})()"""


class _Loader(yaml.SafeLoader):
    """Reads mkdocs.yml without the functions that it names."""


_Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: suffix)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(  # fails if a link leads nowhere
        [sys.executable, str(ROOT / "docs/build_site.py"), str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_in_the_navigation():
    config = yaml.load((ROOT / "docs/mkdocs.yml").read_text(), _Loader)
    text = yaml.safe_dump(config["nav"])
    assert [page for page in PAGES if str(page.relative_to(ROOT)) not in text] == []


@pytest.mark.slow
def test_the_site_opens_searches_and_draws_offline(site: Path):
    assert (site / "reference/tto/planning/controller.html").exists()
    if browser.CHROMIUM is None:
        pytest.skip("no Chromium")
    with browser.open_browser() as tab:
        page = site / "docs/workflow.html"
        for width in (390, 1280):
            expressions = {"width": browser.LOOK["width"], "undrawn": UNDRAWN, "found": SEARCH}
            visit = tab.visit(page, width=width, expressions=expressions)
            assert visit.errors == []
            assert visit.found["width"] == width
            assert all(address.startswith("file:") for address in visit.requests)
            if all(
                (site / "javascripts" / name).stat().st_size
                for name in ("mermaid.js", "iframe-worker.js")
            ):
                assert visit.found["undrawn"] == 0
                assert any("benchmarks" in link for link in visit.found["found"])
