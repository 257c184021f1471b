"""The number of operations that a computation needs, counted from its shapes."""

import math
from collections.abc import Callable
from typing import Any

import jax
from jax.extend import core
from jax.interpreters import partial_eval

_JAXPRS = (core.ClosedJaxpr, core.Jaxpr)  # pyright: ignore[reportPrivateImportUsage]


def count(function: Callable[..., Any], *arguments: Any) -> int:
    """Count the floating-point operations of all convolutions and matrix products.

    A multiplication and its addition are two operations. Code that no result depends on
    is not counted. Of an operation with one version per kind of device, the version
    with the most operations counts: the plain one, so that rates are comparable
    between devices.

    Args:
        function: A pure function of arrays.
        *arguments: Its arguments, or their shapes (`jax.ShapeDtypeStruct`).
    """
    jaxpr = jax.make_jaxpr(function)(*arguments).jaxpr
    live, _ = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))
    return _count_jaxpr(live)


def _count_jaxpr(jaxpr: Any) -> int:
    return sum(_count_equation(equation) for equation in jaxpr.eqns)


def _count_equation(equation: Any) -> int:
    name, parameters = equation.primitive.name, equation.params
    if name == "conv_general_dilated":
        # Each output sums over all dimensions of the kernel but the output channels.
        # Dilation (in gradients of strided convolutions) inserts zeros between pixels,
        # and products with those zeros are not work.
        kernel = equation.invars[1].aval.shape
        output_channels = kernel[parameters["dimension_numbers"].rhs_spec[0]]
        outputs = math.prod(equation.outvars[0].aval.shape)
        zeros = math.prod(parameters["lhs_dilation"])
        zeros *= math.prod(parameters["rhs_dilation"])
        return 2 * outputs * math.prod(kernel) // output_channels // zeros
    if name == "dot_general":
        (contracted, _), _ = parameters["dimension_numbers"]
        left = equation.invars[0].aval.shape
        inner = math.prod(left[axis] for axis in contracted)
        return 2 * math.prod(equation.outvars[0].aval.shape) * inner
    if name == "cond":
        return max(_count_jaxpr(branch.jaxpr) for branch in parameters["branches"])
    nested = [p for p in parameters.values() if isinstance(p, _JAXPRS)]
    per_run = sum(_count_jaxpr(getattr(p, "jaxpr", p)) for p in nested)
    return per_run * parameters.get("length", 1)  # a scan runs `length` times
