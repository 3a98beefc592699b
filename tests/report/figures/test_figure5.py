import numpy as np
import pandas as pd
import pytest

from tto.data.four_rooms import is_free
from tto.errors import TTOError
from tto.evaluation.goal_rows import ROUTES, Route, read_routes
from tto.report.drawing.rooms import wall_rectangles
from tto.report.drawing.style import saturating
from tto.report.figures.paper.figure5 import choose_routes, draw_figure5

CENTRES = np.array([[0.2, 0.2], [0.8, 0.2], [0.2, 0.8], [0.8, 0.8]])  # by room


def route(pair, start, goal):
    way = np.linspace(CENTRES[start], CENTRES[goal] + 0.05, 4)
    return Route(pair, way[:-1], way[-1])


def test_walls_are_where_nobody_can_be():
    ticks = np.linspace(0.0005, 0.9995, 1000)
    xy = np.stack(np.meshgrid(ticks, ticks), axis=-1)
    drawn = np.zeros(xy.shape[:2], dtype=bool)
    for x, y, width, height in wall_rectangles():
        low, high = np.array([x, y]), np.array([x + width, y + height])
        drawn |= ((xy > low) & (xy < high)).all(-1)
    np.testing.assert_array_equal(drawn, ~is_free(xy))


def test_rooms():
    assert route(0, 1, 2).rooms == (1, 2)
    assert [route(0, 0, goal).walls for goal in range(4)] == [0, 1, 1, 2]


def test_opposite_rooms_come_first_and_low_numbers():
    pairs = [(start, goal) for _ in range(5) for start in range(4) for goal in range(4)]
    routes = [route(number, *rooms) for number, rooms in enumerate(pairs)]
    panels = choose_routes(routes)
    assert [panel[0].rooms for panel in panels] == [(0, 3), (1, 2), (2, 1), (3, 0)]
    assert [route.pair for route in panels[0]] == [3, 19, 35]
    assert choose_routes(routes[::-1]) == panels


def test_few_routes_make_few_panels():
    routes = [route(0, 0, 0), route(1, 0, 1), route(2, 3, 0)]
    assert [panel[0].pair for panel in choose_routes(routes)] == [2, 1, 0]


def test_colours_saturate():
    colors = saturating("#0072B2", 5)
    assert (np.diff(colors.sum(axis=1)) < 0).all()
    np.testing.assert_allclose(colors[-1], [0, 0x72 / 255, 0xB2 / 255])


def test_figure_of_a_file(tmp_path):
    routes = [route(0, 0, 3), route(1, 2, 1)]
    rows = [
        (route.pair, step, *xy, *route.goal)
        for route in routes
        for step, xy in enumerate(route.positions)
    ]
    table = pd.DataFrame(rows, columns=list(ROUTES))
    table[::-1].to_csv(tmp_path / "routes.csv", index=False)
    read = read_routes(tmp_path / "routes.csv")
    assert [route.pair for route in read] == [0, 1]
    np.testing.assert_allclose(read[1].positions, routes[1].positions)
    np.testing.assert_allclose(read[1].goal, routes[1].goal)
    paths = [tmp_path / "a.png", tmp_path / "a.pdf"]
    draw_figure5(read, paths, dpi=60)
    assert all(path.stat().st_size > 1000 for path in paths)

    for broken in (table.drop(index=1), table.assign(goal_x=range(6))):
        broken.to_csv(tmp_path / "routes.csv", index=False)
        with pytest.raises(TTOError, match="one goal of pair 0"):
            read_routes(tmp_path / "routes.csv")


def test_bad_files(tmp_path):
    path = tmp_path / "routes.csv"
    with pytest.raises(TTOError, match="expected a CSV file of routes"):
        read_routes(path)
    path.write_text("pair,x\n0,1\n")
    with pytest.raises(TTOError, match="got pair, x"):
        read_routes(path)
    with pytest.raises(TTOError, match="at least one route"):
        draw_figure5([], [tmp_path / "a.png"])
