"""The profile of a step. Expected: times made by hand, and texts of XLA:CPU."""

import jax
import jax.numpy as jnp
import pytest

from au_jax.benchmarking import profile
from au_jax.models import convolution

TEXT = """HloModule jit_step

%fused_computation.73 (p0: f32[4], p1: f32[4]) -> f32[4] {
  %p0 = f32[4]{0} parameter(0)
  ROOT %convolution.200 = f32[16,3,3,49]{3,2,1,0} convolution(%p0, %p0), window={}
}

ENTRY %main.1 (a: f32[4]) -> f32[4] {
  %a = f32[4]{0} parameter(0)
  %conv.1 = f32[4]{0} convolution(%a, %a), \
metadata={op_name="jit(step)/jvp(E)/conv/conv_general_dilated"}
  %tanh.1 = f32[4]{0} tanh(%conv.1), metadata={op_name="jit(step)/jvp(E)/tanh"}
  %mul.1 = f32[4]{0} multiply(%a, %a), \
metadata={op_name="jit(step)/transpose(jvp(E))/mul"}
  %conv.2 = f32[4]{0} convolution(%a, %a), metadata={op_name="jit(step)/\
transpose(jvp(E))/conv/input_gradient/transpose(jvp())/conv_general_dilated"}
  %dot.1 = f32[4]{0} dot(%a, %a), \
metadata={op_name="jit(step)/transpose(jvp(E))/conv/kernel_gradient/dot_general"}
  %sub.1 = f32[4]{0} subtract(%a, %a), \
metadata={op_name="jit(step)/transpose(jvp(E))/conv/kernel_gradient/sub"}
  %conv.3 = f32[4]{0} convolution(%a, %a), \
metadata={op_name="jit(step)/transpose(jvp(D))/Conv_0/conv_general_dilated"}
  %ynn_fusion.1 = f32[4]{0} fusion(%a, %a), kind=kCustom, calls=%fused_computation.73
  ROOT %adam.1 = f32[4]{0} add(%a, %a), metadata={op_name="jit(step)/add"}
}
"""


def test_instructions_are_classified_by_their_source():
    actual = profile.instruction_kinds(TEXT)
    assert {name: kind for name, kind in actual.items() if kind != "rest"} == {
        "convolution.200": "filter_gradient",
        "conv.1": "convolution",
        "tanh.1": "norms_activations_losses",
        "mul.1": "norms_activations_losses_gradient",
        "conv.2": "input_gradient",
        "dot.1": "filter_gradient",
        "sub.1": "filter_gradient_transforms",
        "conv.3": "other_convolutions_gradient",
        "ynn_fusion.1": "filter_gradient",
    }
    assert actual["adam.1"] == "rest"


def test_waiting_is_not_counted():
    # b began while a ran; c after a pause.
    events = [("c", 5.0, 6.0), ("a", 1.0, 3.0), ("b", 1.5, 3.5)]
    assert list(profile.self_times(events)) == [("a", 2.0), ("b", 0.5), ("c", 1.0)]


@pytest.mark.parametrize("wide", [False, True])
def test_a_real_program_has_all_three_convolutions(wide):
    """Two are XLA's own; the filter gradient is Winograd's."""
    channels = convolution.MIN_CHANNELS if wide else 4
    x = jnp.ones((1, 16, 16, channels))
    kernel = jnp.ones((3, 3, channels, channels))

    def loss(kernel, x):
        once = convolution.convolve(jnp.tanh(convolution.convolve(x, kernel)), kernel)
        return jnp.sum(once**2)

    compiled = jax.jit(jax.grad(loss, argnums=(0, 1))).lower(kernel, x).compile()
    text = compiled.as_text()
    assert text is not None
    kinds = profile.instruction_kinds(text)
    events = profile.record_events(lambda: compiled(kernel, x))
    ran = {kinds[name] for name, _, _ in events}
    assert ran >= {"convolution", "input_gradient", "filter_gradient"}
    assert ("filter_gradient_transforms" in ran) is wide
    assert all(began <= ended for _, began, ended in events)
