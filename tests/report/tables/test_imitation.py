import csv

import pandas as pd
import pytest
from rollout_rows import interval, rollout_rows

from tto.errors import TTOError
from tto.report.figures.imitation import draw_imitation
from tto.report.numbers.dataset_statistics import DatasetStatistics
from tto.report.numbers.imitation import imitation_rows
from tto.report.tables.formats import TableFiles
from tto.report.tables.imitation import write_imitation

RETURNS = {
    "bc": [[900.0], [1100.0]],
    "imitation_h10": [[1000.0, 1200.0], [1000.0, 1000.0]],
    "imitation_h1": [[500.0, 700.0], [600.0, 600.0]],
    "tto": [[1.0], [2.0]],
}
EXPERT = rollout_rows("hopper-expert-v2", returns=RETURNS)


def statistics(dataset, return_mean):
    return DatasetStatistics(
        dataset, "collect", "Hopper-v5", 9, 900, return_mean, 1.0, return_mean, None, 100.0
    )


EXPERTS = [statistics("hopper-expert-v2", 1000.0)]


def test_per_cent_of_the_expert_by_hand():
    others = rollout_rows("hopper-medium-v2", returns={"bc": [[5.0]]})
    rows = imitation_rows(pd.concat([others, EXPERT]), EXPERTS)
    assert [(row.dataset, row.method) for row in rows] == [
        ("hopper-expert-v2", method) for method in ("imitation_h1", "imitation_h10", "bc")
    ]
    assert [row.predicted for row in rows] == [1, 10, None]
    assert rows[0].percent == pytest.approx((60.0, 60.0, 60.0))
    assert rows[1].percent == pytest.approx(interval(110, 100))
    assert rows[2].percent == pytest.approx(interval(90, 110))
    assert [row.paper for row in rows] == [104.0, 104.0, None]
    assert [(row.seeds, row.count) for row in rows] == [(2, 4), (2, 4), (2, 2)]


def test_table(tmp_path):
    rows = imitation_rows(EXPERT, EXPERTS)
    paths = {name: tmp_path / f"t.{name}" for name in ("csv", "markdown", "html")}
    write_imitation(rows, TableFiles(**paths))
    with open(paths["csv"], newline="") as file:
        cells = list(csv.DictReader(file))
    assert [row["predicted_transitions"] for row in cells] == ["1", "10", ""]
    assert float(cells[1]["percent_high"]) == pytest.approx(interval(110, 100)[2])
    assert (cells[1]["paper_percent"], cells[2]["paper_percent"]) == ("104.0", "")
    lines = paths["markdown"].read_text().splitlines()
    shown = [cell.strip() for cell in lines[3].strip("|").split("|")]
    assert shown[:4] == ["hopper-expert-v2", "search", "10", "105.0 [41.5, 168.5]"]
    assert shown[5:] == ["104 %", "2 x 2"]
    assert "105.0 [41.5, 168.5]" in paths["html"].read_text()


def test_figure(tmp_path, monkeypatch):
    walker = rollout_rows("walk", env="tto/Humanoid-v5", returns={"imitation_h1": [[40.0]]})
    rows = imitation_rows(pd.concat([EXPERT, walker]), [*EXPERTS, statistics("walk", 50.0)])
    assert (rows[-1].score, rows[-1].paper) == (None, None)
    assert rows[-1].percent == pytest.approx((80.0, None, None))
    paths = [tmp_path / "a.png", tmp_path / "a.pdf"]
    draw_imitation(rows, paths, dpi=60)
    assert all(path.stat().st_size > 1000 for path in paths)
    drawn = []
    monkeypatch.setattr(
        "tto.report.figures.imitation.save_figure", lambda figure, *_, **__: drawn.append(figure)
    )
    draw_imitation(rows, [])
    lines = {line.get_label(): line for line in drawn[0].axes[0].lines}
    assert list(lines["beam search (TTO)"].get_xdata()) == [1, 10]
    assert list(lines["beam search (TTO)"].get_ydata()) == pytest.approx([60.0, 105.0])
    assert list(lines["behaviour cloning"].get_ydata()) == pytest.approx([100.0, 100.0])
    assert drawn[0].axes[0].get_xscale() == "log"


def test_what_is_no_imitation():
    with pytest.raises(TTOError, match="imitation_h1"):
        imitation_rows(rollout_rows(returns={"bc": [[5.0]]}), EXPERTS)
    for known in ([], [statistics("hopper-expert-v2", -3.0)]):
        with pytest.raises(TTOError, match="mean return above 0"):
            imitation_rows(EXPERT, known)
