import csv
import re
import shutil
import subprocess
from html import escape

import pandas as pd
import pytest
from rollout_rows import HOPPER, interval, rollout_rows

from tto.report.numbers.dataset_statistics import DatasetStatistics
from tto.report.tables.formats import TableFiles
from tto.report.tables.table1 import write_table1

STATISTICS = DatasetStatistics(
    dataset="hopper-medium-replay-v2",
    source="collect",
    env="Hopper-v5",
    episodes=300,
    transitions=100_000,
    return_mean=800.0,
    return_std=300.0,
    return_max=3000.0,
    score_mean=25.2,
    length_mean=330.0,
)


def write(folder, results, statistics=()):
    files = TableFiles(folder / "t.csv", folder / "t.md", folder / "t.html")
    write_table1(results, files, latex=folder / "t.tex", statistics=statistics)
    with open(files.csv, newline="") as file:
        rows = list(csv.DictReader(file))
    return rows, (folder / "t.md").read_text(), (folder / "t.tex").read_text()


def test_one_collected_dataset(tmp_path):
    rows, markdown, latex = write(tmp_path, rollout_rows(returns=HOPPER), [STATISTICS])
    assert len(rows) == 9
    assert [row["dataset"] for row in rows] == [""] * 4 + ["hopper-medium-replay-v2"] + [""] * 4
    ours = rows[4]
    assert (ours["robot"], ours["kind"], ours["source"]) == ("hopper", "medium-replay", "collect")
    assert float(ours["published_tto_mean"]) == 99.4
    assert ours["published_bc_std"] == ""
    assert float(ours["ours_other_tto_score_mean"]) == pytest.approx(40.0)
    assert float(ours["ours_other_tto_score_std"]) == pytest.approx(200**0.5)
    assert ours["ours_other_tto_count"] == "2"
    middle = [float(ours[f"ours_other_tto_score_iqm{end}"]) for end in ("", "_low", "_high")]
    assert middle == pytest.approx(interval(30, 50))
    difference = [float(ours[f"tto_minus_bc_score{end}"]) for end in ("", "_low", "_high")]
    assert difference == pytest.approx(interval(20, 40))
    assert ours["tto_minus_bc_score_seeds"] == "2"
    assert float(ours["tto_minus_bc_return_low"]) == pytest.approx(difference[1] * 32.54572305)
    assert float(ours["data_score_mean"]) == 25.2
    # nothing stands where results on D4RL's data belong
    assert not any(value for row in rows for key, value in row.items() if "ours_d4rl" in key)

    lines = markdown.splitlines()
    line = next(line for line in lines if line.startswith("| hopper ") and "mixed†" in line)
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells == [
        *("hopper", "mixed†", "11.8", "99.4 ± 12.6", "48.6", "67.5 ± 24.7", "12.4 ± 5.8"),
        *("10.0 ± 0.0", "40.0 ± 14.1", "25.2", "2 x 1"),
    ]
    assert "D4RL data" not in lines[0]
    assert "TTO (ours, collected†)" in lines[0]
    assert len({len(line) for line in lines[:11]}) == 1  # padded columns
    assert "collected on this machine" in markdown
    assert "mean score of the episodes" in markdown
    line = next(line for line in lines if line.startswith("| hopper ") and "[" in line)
    assert [cell.strip() for cell in line.strip("|").split("|")] == [
        *("hopper", "mixed†", "10.0 [10.0, 10.0]", "40.0 [-87.1, 167.1]"),
        *("+30.0 [-97.1, +157.1]", "2"),
    ]
    assert r"mixed$\dagger$ & 11.8 & 99.4 $\pm$ 12.6" in latex


def test_the_page_shows_what_the_markdown_says(tmp_path):
    _, markdown, _ = write(tmp_path, rollout_rows(returns=HOPPER), [STATISTICS])
    page = (tmp_path / "t.html").read_text()
    lines = [line for line in markdown.splitlines() if line.startswith("| ")]
    shown = re.findall(r"<t[hd] (?:scope=.col. )?class=[^>]*>(.*?)</t[hd]>", page)
    stated = [cell.strip() for line in lines for cell in line.strip("|").split("|")]
    titles = [re.sub(r" \(ours.*", "", cell) for cell in stated]  # pages have a line of groups
    assert shown == [escape(cell) for cell in titles]
    assert re.findall(r'colspan="(\d)">(\w[^<]*)<', page) == [
        ("5", "published"),
        ("2", "ours, collected†"),
    ]
    assert "collected on this machine" in page


def test_d4rl_and_other_data_stand_in_their_own_columns(tmp_path):
    results = pd.concat(
        [
            rollout_rows("hopper-medium-v2", returns=HOPPER, source="d4rl", env="Hopper-v4"),
            rollout_rows("hopper-medium-v7", returns=HOPPER, source="file"),
        ]
    )
    rows, markdown, _ = write(tmp_path, results)
    assert len(rows) == 10  # hopper medium twice
    d4rl, other = rows[3], rows[4]
    assert (d4rl["dataset"], other["dataset"]) == ("hopper-medium-v2", "hopper-medium-v7")
    assert d4rl["ours_d4rl_tto_score_mean"]
    assert not d4rl["ours_other_tto_score_mean"]
    assert other["ours_other_tto_score_mean"]
    assert not other["ours_d4rl_tto_score_mean"]
    assert "| medium (v2) " in markdown
    assert "| medium (v7)†" in markdown
    assert "TTO (ours, D4RL data)" in markdown
    assert "TTO (ours, other data†)" in markdown


def test_dataset_without_a_score(tmp_path):
    rows = rollout_rows("my_walk", env="tto/Humanoid-v5", returns={"tto": [[1000.0, 2000.0]]})
    cells, markdown, latex = write(tmp_path, rows)
    assert cells[-1]["dataset"] == "my_walk"
    assert cells[-1]["ours_other_tto_score_mean"] == ""
    assert float(cells[-1]["ours_other_tto_return_mean"]) == 1500.0
    assert "1500 ± 707‡" in markdown
    assert " 1500‡ |" in markdown  # a single model: no interval
    assert "TTO - BC" not in markdown.split("IQM:")[0]
    assert cells[-1]["tto_minus_bc_return"] == ""
    assert "no score for tto/Humanoid-v5" in markdown
    assert r"my\_walk" in latex


def test_only_d4rl_data_needs_no_mark(tmp_path):
    _, markdown, _ = write(tmp_path, rollout_rows(returns=HOPPER, source="d4rl", env="Hopper-v4"))
    assert "†" not in markdown


def test_same_input_same_bytes(tmp_path):
    first = write(tmp_path, rollout_rows(returns=HOPPER))
    assert first == write(tmp_path, rollout_rows(returns=HOPPER))


def test_a_models_rollouts_are_one_number(tmp_path):
    """IQMs of 2 and 12: the outer rollouts of a model do not count, nor do those of the other."""
    scores = [[-90.0, 1.0, 3.0, 90.0], [11.0, -90.0, 90.0, 13.0]]
    returns = [[32.54572305 * score - 20.272305 for score in model] for model in scores]
    rows, _, _ = write(tmp_path, rollout_rows(returns={"tto": returns}))
    found = [float(rows[4][f"ours_other_tto_score_iqm{end}"]) for end in ("", "_low", "_high")]
    assert found == pytest.approx(interval(2, 12))


def test_latex_is_sound(tmp_path):
    _, _, latex = write(tmp_path, rollout_rows("my_walk#1", returns=HOPPER), [STATISTICS])
    assert latex.isascii()
    opened = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", latex):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert not opened
    tables = re.findall(r"\\begin\{tabular\}\{([lr]+)\}(.*?)\\end\{tabular\}", latex, re.DOTALL)
    assert len(tables) == 2
    for alignment, body in tables:
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert len(rows) > 1
        for row in rows:
            spans = [int(span) for span in re.findall(r"\\multicolumn\{(\d+)\}", row)]
            cells = len(re.findall(r"(?<!\\)&", row)) + 1
            assert cells + sum(spans) - len(spans) == len(alignment), row
    assert r"my\_walk\#1" in latex


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles(tmp_path):
    write(tmp_path, rollout_rows(returns=HOPPER), [STATISTICS])
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "Overfull" not in done.stdout
