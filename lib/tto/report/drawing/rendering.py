"""Pictures of robots without a screen: several poses and traced paths in one scene.

MuJoCo draws into memory through EGL (on a GPU or by Mesa's software) or OSMesa, whichever works
(`tto.evaluation.headless`). If none does, `tto.report.drawing.flat_rendering` paints. Poses of
several moments share one scene, so that nearer ones hide farther ones. Paths are thin capsules.
"""

import importlib
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import mujoco
import numpy as np
from jaxtyping import UInt8

from tto.errors import TTOError
from tto.evaluation.headless import working_renderer
from tto.report.drawing.flat_rendering import FlatStage
from tto.report.drawing.poses import Robot, place_bodies
from tto.report.drawing.scene import ELEVATION, FIELD_OF_VIEW, FLOOR, Camera, Pose, TracedPath

_SKY = (1.0, 1.0, 1.0)
_CHECKER = 0.06  # share by which every other square of the floor is darker
_AZIMUTH = 90.0  # degrees; the view along y lets robots move to the right
_MOST_GEOMS = 20000


class Stage:
    """A robot's scene and the memory that it is drawn into; use `open_stage` to make one."""

    def __init__(self, robot: Robot, context: Any, *, width: int, height: int) -> None:
        self.robot, self.width, self.height = robot, width, height
        _dress(robot.model, width, height)
        self._context = context
        self._drawing = mujoco.MjrContext(robot.model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._drawing)
        self._scene = mujoco.MjvScene(robot.model, maxgeom=_MOST_GEOMS)
        for unwanted in (mujoco.mjtRndFlag.mjRND_REFLECTION, mujoco.mjtRndFlag.mjRND_SHADOW):
            self._scene.flags[unwanted] = False
        self._scene.flags[mujoco.mjtRndFlag.mjRND_HAZE] = True
        self._data = mujoco.MjData(robot.model)
        self._option = mujoco.MjvOption()

    def draw(
        self, camera: Camera, poses: Sequence[Pose], paths: Sequence[TracedPath] = ()
    ) -> UInt8[np.ndarray, "height width 3"]:
        """Return a picture of poses and paths."""
        view = mujoco.MjvCamera()
        view.lookat[:], view.distance = camera.target, camera.distance
        view.azimuth, view.elevation = _AZIMUTH, ELEVATION
        everything, robot = mujoco.mjtCatBit.mjCAT_ALL.value, mujoco.mjtCatBit.mjCAT_DYNAMIC.value
        self._scene.ngeom = 0
        for pose in poses:
            self._data.qpos[:] = pose.positions
            place_bodies(self.robot.model, self._data)
            mujoco.mj_camlight(self.robot.model, self._data)
            state = self.robot.model, self._data, self._option, mujoco.MjvPerturb()
            first = self._scene.ngeom
            if pose is poses[0]:
                mujoco.mjv_updateScene(*state, view, everything, self._scene)
            else:
                mujoco.mjv_addGeoms(*state, robot, self._scene)
            for geom in self._scene.geoms[first : self._scene.ngeom]:
                _paint(geom, pose)
        for path in paths:
            self._add(path)
        return self._pixels()

    def _add(self, path: TracedPath) -> None:
        for start, end in zip(path.points[:-1], path.points[1:], strict=True):
            if self._scene.ngeom == self._scene.maxgeom or np.allclose(start, end):
                continue
            geom = self._scene.geoms[self._scene.ngeom]
            mujoco.mjv_initGeom(
                geom,
                mujoco.mjtGeom.mjGEOM_CAPSULE,
                np.zeros(3),
                np.zeros(3),
                np.eye(3).flatten(),
                np.array([*path.rgb, 1.0], dtype=np.float32),
            )
            mujoco.mjv_connector(geom, mujoco.mjtGeom.mjGEOM_CAPSULE, path.radius, start, end)
            geom.emission, geom.specular = 0.1, 0.0
            self._scene.ngeom += 1

    def _pixels(self) -> UInt8[np.ndarray, "height width 3"]:
        self._context.make_current()
        rectangle = mujoco.MjrRect(0, 0, self.width, self.height)
        pixels = np.empty((self.height, self.width, 3), dtype=np.uint8)
        mujoco.mjr_render(rectangle, self._scene, self._drawing)
        mujoco.mjr_readPixels(pixels, None, rectangle, self._drawing)
        return pixels[::-1]

    def _free(self) -> None:
        self._drawing.free()


@contextmanager
def open_stage(robot: Robot, *, width: int, height: int) -> Iterator[Stage | FlatStage]:
    """Open a stage for pictures of `width` x `height` pixels.

    It changes colours and lights of the robot's model. If no renderer works without a screen, it
    logs a warning and paints flat pictures.
    """
    try:
        backend = working_renderer()
    except TTOError as error:
        logging.warning("%s; painting flat pictures instead", error)
        yield FlatStage(robot, width=width, height=height)
        return
    os.environ.setdefault("MUJOCO_GL", backend)  # MuJoCo reads the name of the renderer from here
    context = importlib.import_module(f"mujoco.{backend}").GLContext(width, height)
    context.make_current()
    stage = Stage(robot, context, width=width, height=height)
    try:
        yield stage
    finally:
        stage._free()
        context.free()


def _dress(model: Any, width: int, height: int) -> None:
    """Give a model looks that print well: white sky, pale floor without mirror, soft light."""
    model.vis.global_.offwidth, model.vis.global_.offheight = width, height
    model.vis.global_.fovy = FIELD_OF_VIEW
    model.vis.rgba.haze[:3] = _SKY
    model.vis.headlight.ambient[:], model.vis.headlight.diffuse[:] = 0.6, 0.3
    model.light_diffuse[:], model.light_ambient[:], model.light_specular[:] = 0.35, 0.0, 0.1
    model.mat_reflectance[:] = 0.0
    for texture in range(model.ntex):
        first = model.tex_adr[texture]
        count = model.tex_height[texture] * model.tex_width[texture] * model.tex_nchannel[texture]
        colors = model.tex_data[first : first + count].reshape(-1, model.tex_nchannel[texture])
        if model.tex_type[texture] == mujoco.mjtTexture.mjTEXTURE_SKYBOX:
            colors[:, :3] = 255
        elif model.tex_type[texture] == mujoco.mjtTexture.mjTEXTURE_2D:
            dark = colors[:, :3].mean(axis=1) < colors[:, :3].mean()
            colors[:, :3] = np.where(dark[:, None], 255 * (1 - _CHECKER), 255)
    floors = model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE
    model.geom_rgba[floors, :3] = FLOOR
    model.mat_rgba[model.geom_matid[floors & (model.geom_matid >= 0)], :3] = FLOOR


def _paint(geom: Any, pose: Pose) -> None:
    if geom.category == mujoco.mjtCatBit.mjCAT_DYNAMIC.value:
        geom.rgba[:3], geom.matid, geom.specular = pose.color, -1, 0.15
