"""How many operations a computation needs: counted from its shapes, not by XLA."""

import math
from collections.abc import Callable
from typing import Any

import jax
from jax.extend import core
from jax.interpreters import partial_eval

_PROGRAMS = (core.ClosedJaxpr, core.Jaxpr)


def count(function: Callable[..., Any], *arguments: Any) -> int:
    """Floating-point operations of all convolutions and matrix products.

    A product and its sum are two operations. What no result depends on is not counted;
    where an operation has a form per kind of device, the one with the most counts:
    that is the plain one, so that a rate is comparable between devices.

    Args:
        function: Pure, of arrays.
        *arguments: Its arguments, or their shapes (`jax.ShapeDtypeStruct`).
    """
    jaxpr = jax.make_jaxpr(function)(*arguments).jaxpr
    live, _ = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))
    return _of_jaxpr(live)


def _of_jaxpr(jaxpr: Any) -> int:
    return sum(_of_equation(equation) for equation in jaxpr.eqns)


def _of_equation(equation: Any) -> int:
    name, parameters = equation.primitive.name, equation.params
    if name == "conv_general_dilated":
        # Of the kernel's sides, all but the output channels' are summed over. Dilation
        # (gradients of strided convolutions) puts zeros between pixels: not work.
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
        return max(_of_jaxpr(branch.jaxpr) for branch in parameters["branches"])
    nested = [p for p in parameters.values() if isinstance(p, _PROGRAMS)]
    once = sum(_of_jaxpr(getattr(p, "jaxpr", p)) for p in nested)
    return once * parameters.get("length", 1)  # of a scan
