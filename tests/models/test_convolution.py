"""The Winograd filter gradient against XLA's own and against float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from au_jax.models import convolution

SHAPES = (
    (2, 16, 16, 32, 32),
    (1, 22, 18, 40, 32),
    (3, 11, 13, 32, 49),
    (2, 4, 4, 49, 64),
)


def inputs(shape: tuple[int, ...], seed: int = 0) -> tuple[jax.Array, ...]:
    b, h, w, c, o = shape
    keys = jax.random.split(jax.random.key(seed), 3)
    shapes = (b, h, w, c), (3, 3, c, o), (b, h, w, o)
    return tuple(jax.random.normal(k, s) for k, s in zip(keys, shapes, strict=True))


def gradient_in_numpy(x: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Compute the definition in float64: products with the shifted input."""
    _, h, w, _ = x.shape
    padded = np.pad(x.astype(np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
    return np.array(
        [
            [
                np.einsum("bhwc,bhwo->co", padded[:, i : i + h, j : j + w], g)
                for j in range(3)
            ]
            for i in range(3)
        ]
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_winograd_is_the_filter_gradient(shape: tuple[int, ...]) -> None:
    x, _, g = inputs(shape)
    expected = gradient_in_numpy(np.asarray(x), np.asarray(g))
    actual = jax.jit(convolution.winograd_kernel_gradient)(x, g)
    # Relative to the largest entry: the sums have many products of both signs.
    assert np.abs(actual - expected).max() < 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("shape", SHAPES)
def test_output_and_gradients_are_those_of_the_plain_convolution(
    shape: tuple[int, ...],
) -> None:
    x, kernel, g = inputs(shape)

    def both(convolve: object) -> tuple[jax.Array, ...]:
        out, pull_back = jax.vjp(convolve, x, kernel)  # pyright: ignore
        return out, *pull_back(g)

    actual = jax.jit(lambda: both(convolution.convolve))()
    expected = jax.jit(lambda: both(convolution.xla_convolution))()
    for a, b in zip(actual, expected, strict=True):
        assert np.abs(a - b).max() <= 1e-5 * np.abs(b).max()


def test_other_devices_keep_the_convolution_of_xla() -> None:
    x, kernel, g = inputs(SHAPES[0])

    def products(platform: str) -> int:
        step = jax.jit(convolution.kernel_gradient)
        text = step.trace(x, g, kernel).lower(lowering_platforms=(platform,)).as_text()
        return text.count("stablehlo.dot_general")

    assert products("cpu") > 0
    assert products("cuda") == 0


def test_half_precision_and_images_are_left_to_xla() -> None:
    x, kernel, g = inputs(SHAPES[0])
    half = [a.astype(jnp.bfloat16) for a in (x, g, kernel)]
    image = (x[..., :3], g, kernel[:, :, :3])
    for arguments in (half, image):
        text = jax.jit(convolution.kernel_gradient).lower(*arguments).as_text()
        assert "dot_general" not in text
