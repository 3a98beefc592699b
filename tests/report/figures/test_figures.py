import numpy as np
import pandas as pd
import pytest
from rollout_rows import HOPPER, rollout_rows

from tto.errors import TTOError
from tto.report.drawing.style import GREEN, ORANGE
from tto.report.figures.dimension_losses import draw_dimension_losses
from tto.report.figures.paper.figure4 import draw_figure4, our_panels, published_panels
from tto.report.figures.training_curves import draw_training_curves
from tto.report.numbers.summary import summarize

METRICS = """update,tokens,seconds,learning_rate,train_loss,held_out_loss,tokens_per_second
0,0,0.0,1e-4,4.6,,1000
100,1000000,60.0,1e-3,3.0,3.1,1000
200,2000000,120.0,5e-4,2.0,,1000
300,3000000,180.0,1e-4,1.5,1.6,1000
"""


def test_bars_of_figure4():
    robots = ["halfcheetah", "hopper", "walker2d"]
    published, ours = published_panels(), our_panels(summarize(rollout_rows(returns=HOPPER)))
    assert [panel.title for panel in published] == [panel.title for panel in ours] == robots
    labels = [group.label for group in published[1].groups]
    assert labels == ["medium", "mixed", "med-expert"]
    assert [len(group.bars) for group in published[1].groups] == [5, 5, 5]
    assert [panel.groups for panel in ours[::2]] == [[], []]
    assert [group.label for group in ours[1].groups] == ["mixed"]
    bc, tto = ours[1].groups[0].bars
    assert (bc.look.label, tto.look.label) == ("BC", "TTO")
    assert tto.score == pytest.approx((40.0, 200**0.5))
    assert all(bar.hatched for bar in (bc, tto))
    assert our_panels([]) == []


def test_other_datasets_get_a_panel_if_they_have_a_score():
    results = pd.concat(
        [
            rollout_rows("mine", returns=HOPPER, source="file"),
            rollout_rows("walk", env="tto/Humanoid-v5", returns={"tto": [[1.0]]}),
            rollout_rows("hopper-medium-v0", returns=HOPPER, source="d4rl"),
            rollout_rows("hopper-medium-v2", returns=HOPPER, source="d4rl"),
        ]
    )
    *_, hopper, _, other = our_panels(summarize(results))
    assert [group.label for group in other.groups] == ["mine"]
    labels = [group.label for group in hopper.groups]
    assert labels == ["medium v0", "medium v2"]
    assert not any(bar.hatched for group in hopper.groups for bar in group.bars)


def test_figures_do_not_depend_on_the_clock(tmp_path, monkeypatch):
    results = rollout_rows(returns=HOPPER)
    draw_figure4(results, [tmp_path / "a.png", tmp_path / "a.pdf"], dpi=60)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    draw_figure4(results, [tmp_path / "b.png", tmp_path / "b.pdf"], dpi=60)
    for suffix in ("png", "pdf"):
        a, b = (tmp_path / f"{name}.{suffix}" for name in "ab")
        assert a.read_bytes() == b.read_bytes()
    assert b"CreationDate" not in (tmp_path / "a.pdf").read_bytes()
    assert b"/Type3" not in (tmp_path / "a.pdf").read_bytes()  # type 42 fonts


def test_unknown_suffix(tmp_path):
    with pytest.raises(TTOError, match=r"a\.jpg: expected a figure"):
        draw_figure4(rollout_rows(returns=HOPPER), [tmp_path / "a.jpg"], dpi=60)


def test_training_curves(tmp_path):
    for seed in (0, 1):
        (tmp_path / f"{seed}.csv").write_text(METRICS)
    metrics = {("hopper-medium-v2", seed): tmp_path / f"{seed}.csv" for seed in (0, 1)}
    paths = [tmp_path / "curves.png", tmp_path / "curves.pdf"]
    draw_training_curves(metrics, paths, dpi=60)
    assert all(path.stat().st_size > 1000 for path in paths)


def test_training_curves_of_bad_files(tmp_path):
    path = tmp_path / "metrics.csv"
    with pytest.raises(TTOError, match="at least one metrics"):
        draw_training_curves({}, [tmp_path / "x.png"])
    with pytest.raises(TTOError, match=r"expected a metrics\.csv"):
        draw_training_curves({("d", 0): path}, [tmp_path / "x.png"])
    path.write_text("update,tokens\n1,2\n")
    with pytest.raises(TTOError, match="seconds, train_loss"):
        draw_training_curves({("d", 0): path}, [tmp_path / "x.png"])
    path.write_text(METRICS.splitlines()[0] + "\n")
    with pytest.raises(TTOError, match="got 0 rows"):
        draw_training_curves({("d", 0): path}, [tmp_path / "x.png"])
    path.write_text(METRICS.replace("2.0", "nan"))
    with pytest.raises(TTOError, match="finite"):
        draw_training_curves({("d", 0): path}, [tmp_path / "x.png"])
    assert not (tmp_path / "x.png").exists()


def test_lines_of_training_curves(tmp_path, monkeypatch):
    (tmp_path / "m.csv").write_text(METRICS)
    drawn = []
    monkeypatch.setattr(
        "tto.report.figures.training_curves.save_figure",
        lambda figure, *_, **__: drawn.append(figure),
    )
    draw_training_curves({("d", 3): tmp_path / "m.csv"}, [])
    (panel,) = drawn[0].axes
    train, held_out = panel.lines
    np.testing.assert_array_equal(train.get_xdata(), [0, 1, 2, 3])  # millions of tokens
    np.testing.assert_array_equal(train.get_ydata(), [4.6, 3.0, 2.0, 1.5])
    np.testing.assert_array_equal(held_out.get_xdata(), [1, 3])
    np.testing.assert_array_equal(held_out.get_ydata(), [3.1, 1.6])
    assert panel.get_xlabel() == "tokens (millions)"
    assert panel.get_title(loc="left") == "d, 3 min"


def test_many_datasets_fit_on_a_page(tmp_path, monkeypatch):
    (tmp_path / "m.csv").write_text(METRICS)
    (tmp_path / "d.csv").write_text(DIMENSIONS)
    heights = []
    for module in ("training_curves", "dimension_losses"):
        monkeypatch.setattr(
            f"tto.report.figures.{module}.save_figure",
            lambda figure, *_, **__: heights.append(figure.get_size_inches()[1]),
        )
    draw_training_curves({(f"d{i}", 0): tmp_path / "m.csv" for i in range(16)}, [])
    draw_dimension_losses({(f"d{i}", 0): tmp_path / "d.csv" for i in range(16)}, [])
    assert max(heights) <= 9


DIMENSIONS = """dimension,kind,place,held_out_loss,tokens
0,observation,0,,0
0,observation,1,2.0,10
1,observation,0,1.0,10
1,observation,1,1.0,10
2,action,0,4.0,30
2,action,1,2.0,30
3,reward,0,0.5,10
3,reward,1,0.5,10
4,reward_to_go,0,0.25,10
4,reward_to_go,1,0.25,10
"""


def test_bars_of_dimension_losses(tmp_path, monkeypatch):
    (tmp_path / "0.csv").write_text(DIMENSIONS)
    (tmp_path / "1.csv").write_text(DIMENSIONS.replace("4.0", "6.0"))
    drawn = []
    monkeypatch.setattr(
        "tto.report.figures.dimension_losses.save_figure",
        lambda figure, *_, **__: drawn.append(figure),
    )
    draw_dimension_losses({("d", seed): tmp_path / f"{seed}.csv" for seed in (0, 1)}, [])
    axis, places = drawn[0].axes
    assert [bar.get_height() for bar in axis.patches] == [2.0, 1.0, 3.5, 0.5, 0.25]
    labels = [label.get_text() for label in axis.get_xticklabels()]
    assert labels == ["$s_{1}$", "$s_{2}$", "$a$", "$r$", "$R$"]
    lines = [line for line in places.lines if line.get_marker() == "None"]
    excess = {line.get_color(): list(line.get_ydata()) for line in lines}
    assert excess[ORANGE] == [3.0, 0.0]
    assert excess[GREEN] == [0.0, 0.0]


def test_dimension_losses_of_bad_files(tmp_path):
    path = tmp_path / "0.csv"
    with pytest.raises(TTOError, match=r"expected a dimensions\.csv"):
        draw_dimension_losses({("d", 0): path}, [tmp_path / "x.png"])
    path.write_text(DIMENSIONS.replace("action", "force"))
    with pytest.raises(TTOError, match="train again"):
        draw_dimension_losses({("d", 0): path}, [tmp_path / "x.png"])
    with pytest.raises(TTOError, match="at least one"):
        draw_dimension_losses({}, [tmp_path / "x.png"])
