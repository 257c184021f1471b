"""The two domains: faces in a laboratory, and faces in the wild."""

import dataclasses

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from au_jax.rendering import backdrop, head, lens, occluders, shading
from au_jax.rendering.camera import Camera
from au_jax.rendering.expression import Expression
from au_jax.rendering.person import Person
from au_jax.rendering.shading import Lamp, Light, Shot

SIZE = 288  # side of a picture in pixels


@dataclasses.dataclass(frozen=True)
class Scene:
    """The properties of a sequence that stay the same."""

    camera: Camera
    light: Light
    seed: int  # of the backdrop, the occluders and the lens
    wild: bool


@dataclasses.dataclass(frozen=True)
class Photo:
    """A picture and its 49 true landmarks, x, y in pixels."""

    image: UInt8[np.ndarray, "h w 3"]
    landmarks: Float[np.ndarray, "49 2"]
    camera: Camera
    """The pose of the head in this frame."""
    glasses: bool = False


def draw_lab(rng: np.random.Generator) -> Scene:
    """Draw a scene with even light from the front and a near-frontal head."""
    strength = rng.uniform(0.85, 1.05)
    key = Lamp((rng.normal(0, 0.25), rng.uniform(0.2, 0.6), 1.0), _grey(0.5 * strength))
    light = Light(_grey(0.62 * strength), _grey(0.5 * strength), [key], gloss=0.05)
    return Scene(
        _camera(rng, (5.0, 4.0, 3.0), 1.0), light, int(rng.integers(2**31)), False
    )


def draw_wild(rng: np.random.Generator) -> Scene:
    """Draw a scene with strong or coloured light and a turned, tilted head."""
    ambient = rng.uniform(0.45, 0.7)
    above = _tinted(rng, ambient * rng.uniform(0.8, 1.4))
    below = _tinted(rng, ambient * rng.uniform(0.5, 1.1))
    lamps = []
    for i in range(rng.integers(1, 4)):
        towards = (rng.normal(0, 0.8), rng.normal(0.4, 0.5), rng.uniform(0.3, 1.2))
        strength = rng.uniform(0.3, 0.7) if i == 0 else rng.uniform(0.05, 0.3)
        lamps.append(Lamp(towards, _tinted(rng, strength), shadow=i == 0))
    light = Light(above, below, lamps, gloss=rng.uniform(0.02, 0.2))
    camera = _camera(rng, (8.0, 5.0, 6.0), rng.uniform(0.9, 1.1))
    return Scene(camera, light, int(rng.integers(2**31)), True)


def photograph(
    person: Person, expression: Expression, scene: Scene, frame: int
) -> Photo:
    """Take a picture of one moment; head and eyes move a little between frames."""
    rng = np.random.default_rng((scene.seed, frame))
    camera = dataclasses.replace(
        scene.camera,
        yaw=scene.camera.yaw + rng.normal(0, 1.5),
        pitch=scene.camera.pitch + rng.normal(0, 1.0),
        roll=scene.camera.roll + rng.normal(0, 0.7),
    )
    gaze = (rng.normal(0, 0.02), rng.normal(0, 0.01))
    shot = shading.shoot(person, expression, camera, scene.light, gaze, SIZE)
    landmarks = shot.points[head.LANDMARKS]
    # A second generator draws what stays the same within a sequence.
    fixed = np.random.default_rng(scene.seed)
    if not scene.wild:
        behind = backdrop.plain(fixed, SIZE)
        return Photo(lens.good(_in_front(shot, behind), rng), landmarks, camera)
    picture = _in_front(shot, backdrop.cluttered(fixed, SIZE))
    glasses = _occlude(picture, landmarks, person, scene.light, fixed)
    return Photo(lens.poor(picture, fixed), landmarks, camera, glasses)


def _occlude(
    picture: Float[np.ndarray, "h w 3"],
    landmarks: Float[np.ndarray, "49 2"],
    person: Person,
    light: Light,
    rng: np.random.Generator,
) -> bool:
    """Put things in front of the face; return whether it wears glasses."""
    level = np.array(light.above) + np.array(light.lamps[0].colour) * 0.4
    if glasses := rng.random() < 0.15:
        occluders.glasses(picture, landmarks, rng)
    kind = rng.random()
    if kind < 0.12:
        occluders.strands(picture, landmarks, rng, person.look.hair * level)
    elif kind < 0.18:
        occluders.cap(picture, landmarks, rng)
    if rng.random() < 0.07:
        occluders.hand(picture, landmarks, rng, (person.look.skin * level).clip(0, 1))
    return glasses


def _in_front(
    shot: Shot, behind: Float[np.ndarray, "h w 3"]
) -> Float[np.ndarray, "h w 3"]:
    """Put the head in front of a backdrop, with a smooth outline."""
    share = cv2.GaussianBlur(shot.shown.astype(np.float32), (0, 0), 0.7)
    share = np.where(shot.shown, share, 0)[..., None]
    return (behind + (shot.colour - behind) * share).astype(np.float32)


def _camera(
    rng: np.random.Generator, spread: tuple[float, float, float], scale: float
) -> Camera:
    """Draw a pose with these standard deviations of yaw, pitch and roll."""
    yaw, pitch, roll = (float(np.clip(rng.normal(0, s), -2 * s, 2 * s)) for s in spread)
    return Camera(
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        distance=float(rng.uniform(8, 14)),
        scale=96.0 * scale,
        centre=(
            SIZE / 2 + float(rng.normal(0, 5)),
            0.52 * SIZE + float(rng.normal(0, 5)),
        ),
    )


def _grey(level: float) -> tuple[float, float, float]:
    return level, level, level


def _tinted(rng: np.random.Generator, level: float) -> tuple[float, float, float]:
    """Draw light of this level, often coloured."""
    tint = 1 + rng.uniform(0, 0.2) * rng.uniform(-1, 1, 3)
    red, green, blue = (level * tint / tint.mean()).tolist()
    return red, green, blue
