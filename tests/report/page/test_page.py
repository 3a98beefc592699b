"""The page of a run: in a browser, and by what stands in it."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from browser import CHROMIUM, LOOK, open_browser
from PIL import Image
from rollout_rows import HOPPER, rollout_rows

from tto.errors import TTOError
from tto.evaluation.rollout import Rollout
from tto.report.claims.claim import judge_all
from tto.report.claims.claims import CLAIMS
from tto.report.claims.evidence import Evidence
from tto.report.claims.table import write_claims
from tto.report.drawing.animation import write_animation
from tto.report.figures.films import Filmed, write_film
from tto.report.figures.paper.figure4 import draw_figure4
from tto.report.figures.profiles import draw_profiles
from tto.report.figures.returns import draw_returns
from tto.report.numbers.dataset_statistics import DatasetStatistics
from tto.report.page.contents import SECTIONS
from tto.report.page.page import write_page
from tto.report.page.timings import RuleTime, rule_times
from tto.report.tables.extended import write_extended
from tto.report.tables.formats import TableFiles
from tto.report.tables.returns import write_returns
from tto.report.tables.table1 import write_table1

ROOT = Path(__file__).parents[3]
CAPTIONS = ROOT / "workflow/report"
PROVENANCE = {
    "command": "snakemake --cores all",
    "commit": "0123456789abcdef0123456789abcdef01234567",
    "config_sha256": "0" * 64,
    "data_sha256": {"hopper-medium-replay-v2": "12ab"},
    "versions": {"python": "3.11", "torch": None},
    "machine": {"cores": 2, "processor": "<x86>", "memory_gib": 4.0, "system": "Linux"},
}
TIMES = [RuleTime("train", 2, 7200.0, 4000.0, 812.0), RuleTime("table1", 1, 2.0, 2.0, None)]


def paths(folder: Path, name: str) -> TableFiles:
    csv, markdown, html = (folder / f"{name}.{ending}" for ending in ("csv", "md", "html"))
    return TableFiles(csv, markdown, html)


def room_episode() -> Rollout:
    route = np.linspace([0.1, 0.1], [0.4, 0.3], 6).astype(np.float32)
    steps = len(route) - 1
    zeros = np.zeros(steps)
    actions, batch = np.zeros((steps, 2), np.float32), np.ones(steps, np.int64)
    return Rollout(route, actions, zeros, True, False, zeros, batch, route[-1])


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """What a small run leaves, by the functions that make it."""
    folder = tmp_path_factory.mktemp("page") / "results"
    rows = rollout_rows(returns=HOPPER)
    write_table1(rows, paths(folder / "tables", "table1"), latex=folder / "tables/table1.tex")
    write_extended(rows, paths(folder / "tables", "extended"))
    found = judge_all(CLAIMS, Evidence(rollouts=rows))
    write_claims(found, replace(paths(folder, "claims"), html=folder / "tables/claims.html"))
    draw_figure4(rows, [folder / "figures/figure4.png"], dpi=60)
    draw_profiles(rows, [folder / "figures/profiles.png"], dpi=60)
    for name in ("hopper", "walk<er>"):
        draw_profiles(rows, [folder / f"figures/datasets/{name}.png"], dpi=40)
    write_film(
        folder / "figures/films/four-rooms.webp",
        [Filmed("TTO", room_episode())],
        env_id="tto/FourRooms-v0",
    )
    return folder


def config() -> dict:
    return yaml.safe_load((ROOT / "config/config.yaml").read_text())


def write(results: Path, path: Path, **options) -> tuple[str, list[str]]:
    arguments = {
        "config": config(),
        "config_text": "run: '<demo>'\n",
        "captions": CAPTIONS,
        "provenance": PROVENANCE,
        "times": TIMES,
    }
    left_out = write_page(path, results, **arguments | options)
    return path.read_text(), left_out


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian's package chromium)")
def test_in_a_browser(results: Path, tmp_path: Path):
    write(results, tmp_path / "report.html")
    with open_browser() as browser:
        for width, dark in ((1280, False), (390, False), (390, True)):
            seen = browser.visit(tmp_path / "report.html", width=width, dark=dark, expressions=LOOK)
            assert seen.errors == []
            assert seen.requests == []
            assert len(seen.found["pictures"]) == 5
            assert all(pixels > 0 for pixels in seen.found["pictures"])
            assert seen.found["hidden"] == seen.found["scripts"] == seen.found["broken"] == 0
            assert seen.found["width"] <= width
            assert seen.found["headings"][:2] == ["In one minute", "Claims"]
            assert seen.found["headings"][-2:] == ["Time", "Provenance"]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian's package chromium)")
def test_the_browser_sees_what_is_wrong(tmp_path: Path):
    (tmp_path / "bad.html").write_text(
        '<!DOCTYPE html><html lang="en"><title>x</title><body style="margin: 0">'
        '<img src="missing.png" alt="x"><div style="width: 2000px">wide</div>'
        "<script>console.error('no'); undefined.x</script>"
    )
    with open_browser() as browser:
        seen = browser.visit(tmp_path / "bad.html", width=390, expressions={"width": LOOK["width"]})
    assert len(seen.errors) >= 2
    assert [request.rsplit("/", 1)[1] for request in seen.requests] == ["missing.png"]
    assert seen.found["width"] >= 2000


def test_what_stands_on_the_page(results: Path, tmp_path: Path):
    page, left_out = write(results, tmp_path / "report.html")
    assert left_out == []
    assert not re.search(r'(?:src|href|srcset)="(?!data:|#|https://arxiv\.org)', page)
    assert "<script" not in page
    assert "run: &#39;&lt;demo&gt;&#39;" in page
    assert "&lt;x86&gt;" in page
    assert "walk&lt;er&gt;" in page
    assert "snakemake.config" not in page  # captions are filled in
    assert page.count("data:image/png") == 4
    assert page.count("data:image/webp") == 2  # the film, and its first picture
    assert "2.0 h" in page
    assert "Not D4RL" in page
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles == [*("In one minute", "Claims", "Offline RL", "Datasets", "Time", "Provenance")]
    head = page[page.index("<header>") : page.index("</header>")]
    assert "TTO 40.0, cloning 10.0 (normalised score)" in head
    assert "not tested" in head
    untested = page[page.index("<details>") : page.index("</details>")]
    assert 'data-verdict="not tested"' in untested
    assert not re.search(r'data-verdict="(holds|fails|undecided)">', untested)


def test_a_page_of_data_of_ones_own(tmp_path: Path):
    folder = tmp_path / "results"
    rows = rollout_rows("mine", returns={"tto": [[9.0]], "bc": [[4.0]]}, env="Mine-v0")
    data = [DatasetStatistics("mine", "file", "Mine-v0", 5, 50, 2.0, 1.0, 6.0, None, 10.0)]
    write_returns(rows, data, paths(folder / "tables", "returns"))
    found = judge_all(CLAIMS, Evidence(rollouts=rows))
    write_claims(found, replace(paths(folder, "claims"), html=folder / "tables/claims.html"))
    draw_returns(rows, data, [folder / "figures/returns.png"], dpi=40)
    draw_profiles(rows, [folder / "figures/profiles.png"], dpi=40)
    shown = [folder / name for name in ("tables/returns.html", "tables/returns.csv")]
    shown += [folder / "figures/returns.png", folder / "tables/claims.html"]
    settings = config() | {"datasets": {"mine": {"env": "Mine-v0", "source": "file"}}}
    page, _ = write(folder, tmp_path / "report.html", config=settings, made=shown)
    head = page[page.index("<header>") : page.index("</header>")]
    assert "planning returned 9.00 on average over 1 episode of one model" in head
    assert "behaviour cloning 4.00" in head
    assert "returned 2.00 on average and 6.00 at best" in head
    assert "Not D4RL" not in head
    assert "not tested" not in head
    assert page.count("data:image/png") == 1  # the other one is not among those to be shown
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles == ["In one minute", "Claims", "Time", "Provenance"]
    claims = page[page.index('id="claims"') : page.index('id="time"')]
    outside = claims[: claims.index("<details>")] + claims[claims.index("</details>") :]
    assert "41 are not tested" in outside
    assert "<td" not in outside
    assert "Each claim" not in outside


def test_pictures_that_are_too_large_are_named(results: Path, tmp_path: Path):
    shown = ("figures/figure4.png", "figures/films/four-rooms.webp")
    size = sum((results / name).stat().st_size for name in shown)
    page, left_out = write(results, tmp_path / "report.html", largest=size)
    assert page.count("data:image/png") == 1
    assert left_out[0] == "figures/profiles.png"
    assert "figures/profiles.png</code>" in page
    assert write(results, tmp_path / "report.html", largest=size)[0] == page


def test_every_caption_is_there_and_used():
    captions = {item.caption for section in SECTIONS for item in section.items}
    assert captions | {"workflow"} == {
        path.relative_to(CAPTIONS).with_suffix("").as_posix() for path in CAPTIONS.rglob("*.rst")
    }


def test_what_cannot_be_shown_is_one_line(results: Path, tmp_path: Path):
    spoilt = tmp_path / "spoilt"
    shutil.copytree(results, spoilt)
    (spoilt / "figures/figure4.png").write_text("no picture")
    with pytest.raises(TTOError, match=r"figure4\.png: expected a picture"):
        write(spoilt, tmp_path / "report.html")
    shutil.copytree(CAPTIONS, tmp_path / "captions")
    (tmp_path / "captions/figures/figure4.rst").write_text("{{ snakemake.config.missing.key }}")
    with pytest.raises(TTOError, match=r"figure4\.rst: expected a caption"):
        write(results, tmp_path / "report.html", captions=tmp_path / "captions")
    assert not (tmp_path / "report.html").exists()


def test_times_of_rules(tmp_path: Path):
    for name, seconds, memory in (("train/a", 10, 5.5), ("train/b/c", 20, "-"), ("x", 1, "-")):
        path = tmp_path / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:01\t{memory}\n")
    train, other = rule_times(tmp_path)
    assert train == RuleTime("train", 2, 30.0, 20.0, 5.5)
    assert other == RuleTime("x", 1, 1.0, 1.0, None)
    assert rule_times(tmp_path / "none") == []


def test_an_animation_keeps_its_frames(tmp_path: Path):
    frames = [np.full((20, 30, 3), value, np.uint8) for value in (0, 120, 250)]
    write_animation(tmp_path / "a.webp", frames, frame_ms=50)
    with Image.open(tmp_path / "a.webp") as image:
        assert image.n_frames == 3
        for number, value in enumerate((0, 120, 250)):
            image.seek(number)
            assert abs(int(np.asarray(image.convert("RGB")).mean()) - value) < 6
