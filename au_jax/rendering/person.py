"""Draw a person: the shape of a head, and its look."""

import dataclasses
from collections.abc import Mapping

import cv2
import numpy as np
from jaxtyping import Float

from au_jax.rendering import head, skin
from au_jax.rendering.skin import Look

# Complexions from dark to light, and colours of hair and iris, as RGB in 0..1.
SKIN = np.array([(0.36, 0.23, 0.17), (0.66, 0.47, 0.36), (0.96, 0.78, 0.68)])
HAIR = np.array([(0.05, 0.04, 0.035), (0.22, 0.13, 0.08), (0.55, 0.42, 0.26)])
IRIS = np.array([(0.18, 0.10, 0.06), (0.33, 0.36, 0.20), (0.35, 0.48, 0.60)])

# Types of skin, and the typology angle in degrees below which each of them ends.
SKIN_TYPES = ("very light", "light", "intermediate", "tan", "brown", "dark")
TYPE_ENDS = np.array((55, 41, 28, 10, -30))

# These features would break the surface, or move the head instead of shaping it.
LEFT_OUT = (
    "head-trans",
    "head-angle",
    "head-age",
    "neck-trans",
    "mouth-trans-backward",
)


@dataclasses.dataclass(frozen=True)
class Person:
    """A neutral head with its painted skin."""

    vertices: Float[np.ndarray, "v 3"]
    look: Look
    atlas: Float[np.ndarray, "512 512 3"]
    male: float
    """0..1."""
    old: float
    """0..1."""

    def groups(self) -> dict[str, str]:
        """Return the groups that the person belongs to, for scores by group.

        The skin's are those of the individual typology angle (Chardon et al. 1991).
        """
        darker = int((_typology_angle(self.look.skin) < TYPE_ENDS).sum())
        return {
            "skin": SKIN_TYPES[darker],
            "sex": _third(self.male, ("female", "between", "male")),
            "age": _third(self.old, ("young", "middle", "old")),
        }


def draw_person(rng: np.random.Generator) -> Person:
    """Draw a person: origin, sex, age and weight, then single features."""
    mesh = head.load()
    vertices, origins, male, old = draw_shape(rng, mesh)
    look = _look(rng, origins, male, old)
    vertices = _grow_hair(vertices, mesh, look)
    atlas = skin.paint(look, rng)
    return Person(vertices.astype(np.float32), look, atlas, male, old)


def _typology_angle(colour: Float[np.ndarray, "3"]) -> float:
    """Return the angle in degrees: lightness above 50 over yellowness, in CIELAB."""
    rgb = colour.astype(np.float32)[None, None]
    lightness, _, yellow = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[0, 0].tolist()
    return float(np.degrees(np.arctan2(lightness - 50, max(yellow, 1e-6))))


def _third(value: float, names: tuple[str, str, str]) -> str:
    return names[min(2, int(3 * value))]


def draw_shape(
    rng: np.random.Generator, mesh: head.Head
) -> tuple[Float[np.ndarray, "v 3"], Float[np.ndarray, "3"], float, float]:
    """Draw the shape of a head.

    Returns:
        The vertices, without hair; the shares of African, Asian and Caucasian origin;
        how male and how old the person is, 0..1.
    """
    origins = rng.dirichlet((0.5, 0.5, 0.5))
    male, old = float(rng.beta(0.6, 0.6)), float(rng.beta(0.8, 1.6))
    vertices = head.deform(mesh.vertices, mesh.macros, _macros(rng, origins, male, old))
    vertices = head.deform(vertices, mesh.details, _details(rng, mesh.details))
    # The height of the body moves the eyes; move them back to the neutral place.
    eyes = np.unique(mesh.triangles[mesh.materials == head.EYE])
    shift = mesh.vertices[eyes].mean(axis=0) - vertices[eyes].mean(axis=0)
    return vertices + np.float32(shift), origins, male, old


def _macros(
    rng: np.random.Generator,
    origins: Float[np.ndarray, "3"],
    male: float,
    old: float,
) -> dict[str, float]:
    weights: dict[str, float] = {}
    weight = rng.uniform(-1, 1)
    by_weight = {
        "averageweight": 1 - abs(weight),
        "minweight": max(0.0, -weight),
        "maxweight": max(0.0, weight),
    }
    for sex, sex_share in (("female", 1 - male), ("male", male)):
        for age, age_share in (("young", 1 - old), ("old", old)):
            share = sex_share * age_share
            for name, part in by_weight.items():
                weights[f"universal-{sex}-{age}-averagemuscle-{name}"] = share * part
            for origin, part in zip(
                ("african", "asian", "caucasian"), origins, strict=True
            ):
                weights[f"{origin}-{sex}-{age}"] = share * float(part)
    return weights


def _details(
    rng: np.random.Generator, details: Mapping[str, np.ndarray]
) -> dict[str, float]:
    names = [name for name in sorted(details) if not name.startswith(LEFT_OUT)]
    chosen = rng.random(len(names)) < 0.15
    strength = np.abs(rng.normal(0, 0.22, len(names))).clip(0, 0.8)
    return {
        name: float(value)
        for name, value, use in zip(names, strength, chosen, strict=True)
        if use
    }


def _look(
    rng: np.random.Generator,
    origins: Float[np.ndarray, "3"],
    male: float,
    old: float,
) -> Look:
    lightness = float(np.clip(origins @ (0.15, 1.45, 1.65) + rng.normal(0, 0.2), 0, 2))
    complexion = _between(SKIN, lightness)
    fairness = float(np.clip(origins[2] * 2 + rng.normal(0, 0.4), 0, 2)) * (
        origins[2] > 0.4
    )
    hair = _between(HAIR, fairness)
    grey = max(0.0, old - 0.5) * 2 * rng.random()
    hair = hair + (np.array([0.6, 0.6, 0.58]) - hair) * grey
    lips = rng.uniform(0.62, 0.85)
    bearded = male > 0.6 and rng.random() < 0.5
    bald = male > 0.6 and rng.random() < 0.15
    return Look(
        skin=complexion * rng.uniform(0.97, 1.03, 3),
        lips=complexion * (1.0, lips, lips * rng.uniform(0.98, 1.08)),
        hair=hair,
        iris=_between(IRIS, float(np.clip(fairness + rng.normal(0, 0.3), 0, 2))),
        redness=float(rng.uniform(0, 0.7)),
        brow=(
            float(rng.uniform(0.6, 1.2)),
            float(rng.uniform(0.045, 0.09)),
            float(rng.uniform(0.02, 0.09)),
        ),
        beard=float(rng.uniform(0.2, 0.85)) if bearded else 0.0,
        hairline=9.0 if bald else float(rng.uniform(7.95, 8.2) + 0.1 * male * old),
        hair_volume=float(rng.uniform(0.03, 0.3)),
        spots=float(rng.random() < 0.4) * float(rng.random()),
        wrinkles=float(np.clip(0.55 + 0.5 * old + rng.normal(0, 0.15), 0.25, 1)),
        makeup=float(male < 0.4 and rng.random() < 0.5) * float(rng.random()),
        cloth=rng.uniform(0.05, 0.8, 3),
    )


def _between(colours: Float[np.ndarray, "3 3"], at: float) -> Float[np.ndarray, "3"]:
    """Interpolate between the first colour (at 0) and the last (at 2)."""
    return np.array([np.interp(at, (0, 1, 2), colours[:, i]) for i in range(3)])


def _grow_hair(
    vertices: Float[np.ndarray, "v 3"], mesh: head.Head, look: Look
) -> Float[np.ndarray, "v 3"]:
    """Raise the scalp by the thickness of the hair."""
    base = mesh.vertices
    angle = np.arctan2(base[:, 0], base[:, 2] - skin.AXIS)
    grown = skin.hair_mask(angle, base[:, 1], look.hairline + 0.1)
    grown *= (1 - mesh.regions["ears"]) * (base[:, 1] > 6.6)
    on_skin = np.zeros(len(base), bool)
    on_skin[mesh.triangles[mesh.materials == head.SKIN]] = True
    lift = look.hair_volume * np.where(on_skin, grown, 0)
    return vertices + lift[:, None] * head.normals(vertices, mesh.triangles)
