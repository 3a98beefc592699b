"""Figure 1: panels that can be compared, and files that can be opened."""

import numpy as np
import pytest
from PIL import Image

from tto.analysis.predictions import Origin, Predictions
from tto.errors import TTOError
from tto.evaluation.headless import working_renderer
from tto.report.drawing.poses import limb_points, load_robot
from tto.report.drawing.scene import FIELD_OF_VIEW, Camera, columns
from tto.report.figures.paper.figure1 import (
    PANELS,
    draw_figure1,
    make_strips,
    needed_drift,
    picture_aspect,
    shared_camera,
)
from tto.report.figures.paper.figure1_movie import draw_frames, frame_times, write_movie

SPEED = 2.0  # metres a second
T = 40


def hopping(offset=0.0):
    """States of a hopper that glides along, standing, and slowly falls where `offset` is not 0."""
    states = np.zeros((T + 1, 11))
    states[:, 0] = 1.25
    states[:, 1] = np.linspace(0, offset, T + 1)
    states[:, 5] = SPEED
    return states


def make_predictions():
    origin = Origin(dataset="hopper-toy", env="Hopper-v5", episode=0, start=0)
    return Predictions(origin, hopping(), hopping(0.3), hopping(1.5))


def test_strips_share_start_and_drift():
    robot, predictions = load_robot("Hopper-v5"), make_predictions()
    plain = make_strips(robot, predictions)
    drifting = make_strips(robot, predictions, drift=1.0)
    assert list(plain) == list(PANELS)
    for name in PANELS:
        shift = drifting[name].positions - plain[name].positions
        np.testing.assert_allclose(shift[:, 0], np.linspace(0, 1, T + 1))
        assert np.abs(shift[:, 1:]).max() == 0
        traced = drifting[name].traces["head"] - plain[name].traces["head"]
        np.testing.assert_allclose(traced[:, 0], np.linspace(0, 1, T + 1), atol=1e-9)
    np.testing.assert_allclose(plain["recorded"].positions[-1, 0], SPEED * 0.008 * T)


def test_a_drift_only_where_poses_would_overlap():
    positions = np.zeros((5, 6))
    positions[:, 0] = np.linspace(0, 3, 5)
    assert needed_drift("Hopper-v5", positions) == 0
    positions[:, 0] = np.linspace(0, 0.2, 5)
    assert needed_drift("Hopper-v5", positions) == pytest.approx(8 * 0.15 - 0.2)
    assert needed_drift("tto/Humanoid-v5", positions) == pytest.approx(8 * 0.5 - 0.2)


def test_a_prediction_far_away_does_not_shrink_the_rest():
    robot, predictions = load_robot("Hopper-v5"), make_predictions()
    strips = make_strips(robot, predictions)
    near = shared_camera(strips, aspect=1.0)
    wild = hopping()
    wild[:, 0] += np.linspace(0, 1e4, T + 1)
    strips = make_strips(robot, Predictions(predictions.origin, hopping(), hopping(), wild))
    assert shared_camera(strips, aspect=1.0).distance < 1.5 * near.distance
    assert 0.8 <= picture_aspect(strips) <= 4.0


def test_all_of_a_raised_limb_is_in_the_picture():
    """Points at the edges of boxes around the limbs, and the picture's edges at their depth."""
    robot, predictions = load_robot("Hopper-v5"), make_predictions()
    strips = make_strips(robot, predictions)
    for aspect in (0.8, 2.0):
        camera = shared_camera(strips, aspect=aspect)
        for strip in strips.values():
            places = columns(camera, strip.limbs.reshape(-1, 3), aspect=aspect)
            assert 0 < places.min() < places.max() < 1
    standing = limb_points(robot, strips["recorded"].positions[:1])[0]
    torso = 1.45 + 0.05  # end of its capsule and its radius, in metres
    assert standing[:, 2].max() == pytest.approx(torso, abs=1e-6)


def test_a_point_in_the_middle_is_in_the_middle_column():
    camera = Camera((1.0, 0.0, 0.5), 10.0)
    points = np.array([[1.0, 0.0, 0.5], [1.0, 2.0, 0.0], [2.0, 0.0, 0.5]])
    tangent = np.tan(np.deg2rad(FIELD_OF_VIEW) / 2)
    expected = [0.5, 0.5, 0.5 + 1 / (2 * 10 * tangent)]
    np.testing.assert_allclose(columns(camera, points, aspect=1.0), expected)


def test_frame_times():
    assert frame_times(5) == [0, 1, 2, 3, 4, 5]
    times = frame_times(100)
    assert times[0] == 0
    assert times[-1] == 100
    assert len(times) < 40
    with pytest.raises(TTOError, match="one predicted state"):
        frame_times(0)


@pytest.fixture
def _headless():
    try:
        working_renderer()
    except TTOError as error:
        pytest.skip(str(error))


@pytest.mark.usefixtures("_headless")
def test_figure_of_a_hopper(tmp_path):
    paths = [tmp_path / "figure1.png", tmp_path / "figure1.pdf"]
    draw_figure1(make_predictions(), paths, dpi=50)
    assert paths[1].read_bytes().startswith(b"%PDF")
    first = paths[0].read_bytes()
    draw_figure1(make_predictions(), paths, dpi=50)
    assert paths[0].read_bytes() == first
    picture = np.asarray(Image.open(paths[0]).convert("RGB")).astype(int)
    third = picture.shape[1] // 3
    panels = [picture[20:-20, i * third : (i + 1) * third] for i in range(3)]
    assert all(panel.min() < 140 for panel in panels)  # a robot is in each
    assert np.abs(panels[2] - panels[0]).max() > 100  # the fallen one


@pytest.mark.usefixtures("_headless")
def test_film(tmp_path, monkeypatch):
    monkeypatch.setattr("tto.report.figures.paper.figure1_movie._FRAMES", 4)
    monkeypatch.setattr("tto.report.figures.paper.figure1_movie._WIDTH", 80)
    monkeypatch.setattr("tto.report.figures.paper.figure1_movie._HEIGHT", 90)
    frames = draw_frames(make_predictions())
    assert len(frames) == len(frame_times(T)) == 5
    np.testing.assert_array_equal(frames[0][26:, :80], frames[0][26:, 86:166])  # one start
    assert (frames[-1][26:, :80] != frames[-1][26:, 172:]).any()
    webp, page = tmp_path / "figure1.webp", tmp_path / "figure1.html"
    write_movie(make_predictions(), webp=webp, page=page)
    with Image.open(webp) as film:
        assert film.n_frames == 5
        assert film.size == (3 * 80 + 2 * 6, 90 + 26)
    assert "data:image/webp;base64," in page.read_text()
