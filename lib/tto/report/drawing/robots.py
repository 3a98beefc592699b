"""Robots whose poses can be drawn, by name. The workflow imports this module, so it is light.

MuJoCo's robots do not observe the position of their root: hopper, walker2d and halfcheetah leave
out x, ant and humanoid leave out x and y.
"""

from tto.data.environments import robot_of
from tto.data.four_rooms import FOUR_ROOMS

_TOP = 1.0  # end of a capsule, in half lengths along its axis
# Number of root coordinates that are not observed.
HIDDEN = {"hopper": 1, "walker2d": 1, "halfcheetah": 1, "ant": 2, "humanoid": 2}
# Geoms whose paths are drawn, with a place along their axis in half lengths.
TRACED: dict[str, dict[str, tuple[str, float]]] = {
    "hopper": {"head": ("torso_geom", _TOP), "foot": ("foot_geom", 0.0)},
    "walker2d": {
        "head": ("torso_geom", _TOP),
        "right foot": ("foot_geom", 0.0),
        "left foot": ("foot_left_geom", 0.0),
    },
    "halfcheetah": {
        "head": ("head", 0.0),
        "back foot": ("bfoot", 0.0),
        "front foot": ("ffoot", 0.0),
    },
    "ant": {"torso": ("torso_geom", 0.0)},
    "humanoid": {
        "head": ("head", 0.0),
        "right foot": ("right_foot", 0.0),
        "left foot": ("left_foot", 0.0),
    },
}
DRAWN = (*HIDDEN, robot_of(FOUR_ROOMS))  # worlds whose episodes can be filmed
