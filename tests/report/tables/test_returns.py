"""Returns of one's own data: the table and the figure."""

import csv

import pandas as pd
import pytest
from rollout_rows import rollout_rows
from scipy.stats import t

from tto.report.figures.returns import draw_returns
from tto.report.numbers.dataset_statistics import DatasetStatistics
from tto.report.tables.formats import TableFiles
from tto.report.tables.returns import digits_of, write_returns

MINE = {"bc": [[10.0, 20.0]], "tto": [[100.0, 300.0]]}


def statistics(name: str, env: str, score: float | None = None) -> DatasetStatistics:
    return DatasetStatistics(name, "file", env, 7, 70, 8.0, 2.0, 40.0, score, 10.0)


def written(folder, rows, data) -> tuple[str, list[dict[str, str]]]:
    files = TableFiles(*(folder / f"t.{ending}" for ending in ("csv", "md", "html")))
    write_returns(rows, data, files)
    with open(files.csv, newline="") as file:
        return files.markdown.read_text(), list(csv.DictReader(file))


def test_methods_beside_the_data(tmp_path):
    rows = rollout_rows("mine", returns=MINE, env="Mine-v0", source="file")
    text, cells = written(tmp_path, rows, [statistics("mine", "Mine-v0")])
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()[2:6]]
    low, high = (185 + sign * 95 * t.ppf(0.975, 1) for sign in (-1, 1))  # of 90 and 280
    assert lines == [
        ["TTO", "200.0 ± 141.4", "", "1 x 2"],
        ["BC", "15.0 ± 7.1", f"+185.0 [{low:+.1f}, {high:+.1f}]", "1 x 2"],
        ["data, mean", "8.0 ± 2.0", "", "7"],
        ["data, best", "40.0", "", "1"],
    ]
    assert "95 % intervals over first states" in text
    assert [row["method"] for row in cells] == ["tto", "bc", "data", "data_best"]
    assert "score" not in text


def test_scores_intervals_and_datasets_where_there_are_any(tmp_path):
    two = {method: [*models, *models] for method, models in MINE.items()}
    rows = pd.concat(
        [
            rollout_rows("a", returns=two, env="Hopper-v5", source="file"),
            rollout_rows("b", returns=two, env="Mine-v0", source="file"),
        ]
    )
    data = [statistics("a", "Hopper-v5", 0.9), statistics("b", "Mine-v0")]
    text, cells = written(tmp_path, rows, data)
    head = [cell.strip() for cell in text.splitlines()[0].split("|")[1:-1]]
    assert head == ["dataset", "method", "return", "score", "IQM", "TTO less this", "episodes"]
    assert "200.0 [200.0, 200.0]" in text
    assert float(cells[0]["score_mean"]) == pytest.approx((200 + 20.272305) / 32.54572305)
    assert cells[4]["score_mean"] == ""


def test_the_figure_has_a_panel_for_each_dataset(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "tto.report.figures.returns.save_figure", lambda figure, *_, **__: drawn.append(figure)
    )
    rows = [rollout_rows(name, returns=MINE, env="Mine-v0", source="file") for name in "abc"]
    draw_returns(pd.concat(rows), [statistics(name, "Mine-v0") for name in "abc"], [])
    axes = [axis for axis in drawn[0].axes if axis.axison]
    assert [axis.get_title(loc="left") for axis in axes] == ["a", "b", "c"]
    for axis in axes:
        assert [bar.get_height() for bar in axis.patches] == [200, 15]
        assert [label.get_text() for label in axis.get_xticklabels()] == ["TTO", "BC"]
        ends = {round(float(line.get_ydata()[0]), 3) for line in axis.get_lines()}
        assert {8.0, 40.0} <= ends


def test_digits_follow_the_size():
    assert [digits_of([x, 0.0]) for x in (-5.3, 200.0, 4000.0)] == [2, 1, 0]
