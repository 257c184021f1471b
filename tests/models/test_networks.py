"""Shapes, sizes and arithmetic of the networks (method.md section 2)."""

from typing import Any

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from au_jax.evaluation import baselines
from au_jax.models.au_detector import AuDetector, average_to_grid
from au_jax.models.background_generator import BackgroundGenerator
from au_jax.models.cbam import CBAM
from au_jax.models.domain_discriminator import DomainDiscriminator
from au_jax.models.feature_encoder import FeatureEncoder
from au_jax.models.feature_generator import FeatureGenerator
from au_jax.models.landmark_detector import LandmarkDetector
from au_jax.models.landmark_discriminator import LandmarkDiscriminator
from au_jax.models.landmark_encoder import LandmarkEncoder
from au_jax.models.landmark_patches import sample_patches, shape
from au_jax.models.patch_detector import PatchDetector
from tests import reference_models as reference
from tests.references import reference_files


def conv(kernel: int, inputs: int, outputs: int) -> int:
    """Count weights and biases of a convolution."""
    return kernel * kernel * inputs * outputs + outputs


def block(inputs: int, outputs: int, norm: str = "instance", kernel: int = 3) -> int:
    """Count a convolution, a norm (2 per channel if batch norm) and one slope."""
    return conv(kernel, inputs, outputs) + (2 * outputs if norm == "batch" else 0) + 1


# Layer by layer from the table in method.md section 2, at the paper's crop of 176.
ENCODER = sum(block(i, o, "batch") for i, o in ((3, 32), (32, 32), (32, 64), (64, 64)))
DETECTOR = sum(
    block(i, o, "batch")
    for i, o in ((64, 96), (96, 96), (96, 128), (128, 128), (128, 160), (160, 160))
)
DETECTOR += (160 * 10 + 10) + (10 * 160 + 160) + 7 * 7 * 2 + 2  # CBAM
DETECTOR += (160 * 25 * 512 + 512) + (512 * 98 + 98)
NETWORKS = {
    "E_f": (FeatureEncoder(), (176, 176, 3), (44, 44, 64), ENCODER),
    "LandmarkDetector": (LandmarkDetector(), (44, 44, 64), (49, 2), DETECTOR),
    "G_b": (BackgroundGenerator(), (44, 44, 64), (44, 44, 64), 4 * block(64, 64)),
    "D_l": (
        LandmarkDiscriminator(),
        (44, 44, 64),
        (44, 44, 49),
        4 * block(64, 64) + conv(3, 64, 49),
    ),
    "D_d": (
        DomainDiscriminator(),
        (44, 44, 64),
        (1, 1),
        2 * block(64, 64, kernel=4)
        + block(64, 128, kernel=4)
        + block(128, 128, kernel=4)
        + conv(1, 128, 1),
    ),
    "E_au with a grid": (
        AuDetector(num_aus=6, pooling="grid"),
        (44, 44, 64),
        (6,),
        6 * (3 * block(64, 64, "batch") + conv(3, 64, 64) + 8 * 8 * 64 + 1),
    ),
    "E_au with landmarks": (
        AuDetector(num_aus=6, pooling="landmarks"),
        (44, 44, 64),
        (6,),
        6 * (3 * block(64, 64, "batch") + conv(3, 64, 64) + 49 * 9 * 64 + 98 + 1),
    ),
    "gradient patches": (
        PatchDetector(num_aus=6, width=0.25),
        (128, 128, 3),
        (6,),
        49 * (2 * 16 * 16 + 1) * 16 + (49 * 16 + 98 + 1) * 6,
    ),
    "gradient patches, also at rest": (
        PatchDetector(num_aus=6, width=0.25, resting=True),
        (128, 128, 3),
        (6,),
        49 * (3 * 16 * 16 + 1) * 16 + (49 * 16 + 98 + 1) * 6,
    ),
    "E_au": (
        AuDetector(num_aus=6),
        (44, 44, 64),
        (6,),
        6 * (3 * block(64, 64, "batch") + conv(3, 64, 64) + 65),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_shape_and_number_of_parameters(name):
    module, shape, expected, size = NETWORKS[name]
    inputs = [jax.ShapeDtypeStruct((2, *shape), jnp.float32)]
    if isinstance(module, AuDetector | PatchDetector):
        inputs.append(jax.ShapeDtypeStruct((2, 49, 2), jnp.float32))
    out, variables = jax.eval_shape(
        lambda *inputs: module.init_with_output(jax.random.key(0), *inputs), *inputs
    )
    assert out.shape == (2, *expected)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == size


@pytest.mark.parametrize("side", [8, 32, 44, 50])
def test_grid_averages_areas(side):
    """Expected: OpenCV's area interpolation, which weighs pixels by their overlap."""
    x = np.random.default_rng(0).normal(size=(2, side, side, 3)).astype(np.float32)
    expected = [cv2.resize(image, (8, 8), interpolation=cv2.INTER_AREA) for image in x]
    np.testing.assert_allclose(average_to_grid(x), expected, atol=1e-5)


@pytest.mark.parametrize("side", [8, 32, 44])
def test_patches_about_landmarks_are_interpolated(side):
    """Expected: OpenCV's bilinear interpolation at the pixels of the crop."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, side, side, 3)).astype(np.float32)
    landmarks = rng.uniform(-0.05, 1.05, (2, 49, 2)).astype(np.float32)
    spacing = np.full(2, 2, np.float32)
    actual = sample_patches(x, landmarks, 4, 3, spacing)
    offsets = np.array([(dx, dy) for dy in (-2, 0, 2) for dx in (-2, 0, 2)])
    # A pixel p of the crop, of 4 pixels per cell, lies in cell (p + 1/2) / 4 - 1/2.
    cells = (landmarks * 4 * side + 0.5) / 4 - 0.5
    at = np.clip(cells[:, :, None] + offsets, 0, side - 1).astype(np.float32)
    for image, points, found in zip(x, at, actual, strict=True):
        remapped = cv2.remap(
            image,
            points,
            None,  # pyright: ignore[reportArgumentType, reportCallIssue]
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        # OpenCV rounds positions to a 32nd of a pixel.
        np.testing.assert_allclose(found, remapped, atol=0.15)
        assert np.abs(found - remapped).mean() < 0.02


def test_patches_of_a_plane_are_exact():
    """A map that is linear in x and y is interpolated without error."""
    side = 16
    y, x = np.mgrid[:side, :side].astype(np.float32)
    plane = np.stack([x, y, 2 * x - y], axis=-1)[None]
    landmarks = np.random.default_rng(0).uniform(0.25, 0.75, (1, 49, 2))
    spacing = np.full(1, 2, np.float32)
    (actual,) = sample_patches(plane, landmarks.astype(np.float32), 4, 3, spacing)
    cells = landmarks[0] * side - 0.375
    np.testing.assert_allclose(actual[:, 4, :2], cells, atol=1e-4)
    np.testing.assert_allclose(actual[:, 4, 2], cells @ (2, -1), atol=1e-4)
    np.testing.assert_allclose(actual[:, 8, :2], cells + 2, atol=1e-4)


def test_shape_does_not_depend_on_place_and_size():
    """Expected: the numbers of the classical detectors, which NumPy computes."""
    points = np.random.default_rng(0).uniform(size=(3, 49, 2)).astype(np.float32)
    expected = [baselines.shape(image) for image in points]
    np.testing.assert_allclose(shape(points), expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(
        shape(2 * points + np.float32(0.3)), shape(points), rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("pooling", ["global", "grid", "landmarks"])
def test_only_one_pooling_looks_at_landmarks(pooling):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(2, 8, 8, 16)).astype(np.float32)
    one, other = rng.uniform(0.2, 0.8, (2, 2, 49, 2)).astype(np.float32)
    module = AuDetector(num_aus=2, pooling=pooling, width=0.25)
    logits, variables = module.init_with_output(jax.random.key(0), features, one)
    again = jnp.asarray(module.apply(variables, features, other))
    assert (np.abs(logits - again).max() > 1e-3) == (pooling == "landmarks")


def test_the_head_sees_six_cells_about_a_landmark():
    """Four convolutions of 3 x 3 see four cells, and the patch reaches two further."""
    side, cell = 24, 11
    features = np.random.default_rng(0).normal(size=(1, side, side, 4))
    features = features.astype(np.float32)
    landmarks = np.full((1, 49, 2), (cell + 0.375) / side, np.float32)  # its centre
    module = AuDetector(1, "landmarks", 0.125)
    variables = module.init(jax.random.key(0), features, landmarks)
    gradient = jax.grad(
        lambda x: jnp.sum(jnp.asarray(module.apply(variables, x, landmarks)))
    )
    (seen,) = np.abs(gradient(features)).sum(axis=-1) > 0
    expected = np.abs(np.arange(side) - cell) <= 6
    np.testing.assert_array_equal(seen, np.outer(expected, expected))


@pytest.mark.parametrize(
    ("module", "place", "size"),
    [
        (AuDetector(1, "landmarks", 0.125), ("branch_0",), (2, 8, 8, 8)),
        (PatchDetector(1, 0.125), (), (2, 128, 128, 3)),
    ],
    ids=["E_au", "gradient patches"],
)
def test_landmarks_count_a_third_beside_the_patches(module, place, size):
    """Expected: .3 of NumPy's shape, where the last layer looks at one coordinate."""
    points = np.random.default_rng(0).uniform(size=(2, 49, 2)).astype(np.float32)
    inputs = np.zeros(size, np.float32), points
    shapes = jax.eval_shape(module.init, jax.random.key(0), *inputs)
    variables: Any = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shapes)
    params, stats = variables["params"], variables["batch_stats"]
    for name in place:
        params, stats = params[name], stats[name]
    stats["shape_norm"]["var"][:] = 1
    params["Dense_0"]["kernel"][-98 + 7] = 1
    expected = [0.3 * baselines.shape(face)[7] for face in points]
    found = jax.jit(module.apply)(variables, *inputs)
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-3)


def test_landmark_encoder_attends_to_one_cell_in_sum():
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 16)).astype(np.float32)
    actual, _ = LandmarkEncoder(width=0.25).init_with_output(jax.random.key(0), x)
    assert actual.features.shape == (2, 8, 8, 16)
    assert actual.logits.shape == (2, 8, 8, 49)
    np.testing.assert_allclose(actual.attention.sum(axis=(1, 2)), 1, rtol=1e-5)
    e = np.exp(np.asarray(actual.logits, np.float64))
    expected = e / e.sum(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(actual.attention, expected, rtol=1e-4)


def test_feature_generator_sees_the_attention_only_in_sum():
    rng = np.random.default_rng(0)
    attention = rng.random((1, 8, 8, 49)).astype(np.float32)
    background = rng.normal(size=(1, 8, 8, 16)).astype(np.float32)
    module = FeatureGenerator(width=0.25)
    actual, variables = module.init_with_output(
        jax.random.key(0), attention, background
    )
    again = jnp.asarray(module.apply(variables, attention[..., ::-1], background))
    np.testing.assert_allclose(actual, again, atol=1e-5)
    kernel: Any = variables["params"]["ConvBlock_0"]["conv"]["kernel"]
    assert kernel.shape == (3, 3, 17, 32)


def test_domain_discriminator_scores_a_map_of_larger_features():
    x = jax.ShapeDtypeStruct((1, 64, 64, 64), jnp.float32)
    out, _ = jax.eval_shape(
        lambda x: DomainDiscriminator().init_with_output(jax.random.key(0), x), x
    )
    assert out.shape == (1, 3, 3)


@pytest.mark.parametrize("width", [0.125, 0.25])
def test_width_scales_every_channel(width):
    module = FeatureEncoder(width=width)
    x = jax.ShapeDtypeStruct((1, 128, 128, 3), jnp.float32)
    out, _ = jax.eval_shape(lambda x: module.init_with_output(jax.random.key(0), x), x)
    assert out.shape == (1, 32, 32, 64 * width)


def test_networks_compute_in_bfloat16_on_request():
    module = FeatureEncoder(width=0.125, dtype=jnp.bfloat16)
    x = jax.ShapeDtypeStruct((1, 128, 128, 3), jnp.float32)
    out, variables = jax.eval_shape(
        lambda x: module.init_with_output(jax.random.key(0), x), x
    )
    assert out.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}


@pytest.mark.parametrize(
    "path", reference_files("cbam_seed*.npz"), ids=lambda path: path.stem
)
def test_reference_cbam(path):
    """Expected: an independent implementation's numbers, strided [:, ::4, ::2, ::2]."""
    seed, channels, side = map(
        int,
        path.stem.replace("cbam_seed", "")
        .replace("_c", " ")
        .replace("_h", " ")
        .split(),
    )
    stream = np.random.RandomState(seed)
    module = CBAM()
    x = jnp.zeros((2, side, side, channels))
    variables = jax.tree.map(np.asarray, module.init(jax.random.key(0), x))
    params = {"cbam": variables["params"]}
    reference.fill(params, reference.cbam_leaves("cbam", ("cbam",)), stream)
    x = stream.uniform(-1, 1, (2, channels, side, side)).astype(np.float32)
    x = x.transpose(0, 2, 3, 1)
    variables = {"params": params["cbam"], "batch_stats": variables["batch_stats"]}
    numbers = np.load(path)

    def strided(y):
        return np.asarray(y).transpose(0, 3, 1, 2)[:, ::4, ::2, ::2]

    def close(actual, expected, relative):
        scale = relative * np.abs(expected).max()
        np.testing.assert_allclose(actual, expected, rtol=relative, atol=scale)

    close(strided(module.apply(variables, x)), numbers["eval"], 1e-4)
    out, updated = module.apply(variables, x, train=True, mutable=["batch_stats"])
    close(strided(out), numbers["train"], 1e-4)
    stats = updated["batch_stats"]["BatchNorm_0"]
    close(stats["mean"], numbers["running_mean"], 1e-3)
    close(stats["var"], numbers["running_var"], 1e-3)
