"""The walls of the four rooms in figures and films."""

from collections.abc import Iterator

from tto.data.four_rooms import DOOR_HALF_WIDTH, DOORS, WALL, WALL_HALF_WIDTH

WALL_COLOR = "#3A3A3A"


def wall_rectangles() -> Iterator[tuple[float, float, float, float]]:
    """Yield left, bottom, width and height of each piece of wall between doors."""
    doors = sorted(DOORS)
    starts = [0.0, *(door + DOOR_HALF_WIDTH for door in doors)]
    ends = [*(door - DOOR_HALF_WIDTH for door in doors), 1.0]
    low, thickness = WALL - WALL_HALF_WIDTH, 2 * WALL_HALF_WIDTH
    for start, end in zip(starts, ends, strict=True):
        yield low, start, thickness, end - start
        yield start, low, end - start, thickness
