"""Expected: counts made by hand from the text of a compiled program, shortened by hand.

The lines are those that XLA wrote for an H100 (jax 0.12, CUDA 13), with smaller shapes.
"""

import pytest

from au_jax.benchmarking import kernels
from au_jax.benchmarking.gpus import GPUS, minimum_seconds

TEXT = """HloModule jit_step

%fused (p: f32[8]) -> f32[8] {
  %p = f32[8]{0} parameter(0)
  ROOT %add = f32[8]{0} add(%p, %p)
}

%fused.1 (q.0: f32[100], q.1: f32[100], q.2: f32[8]) -> f32[8] {
  %q.0 = f32[100]{0} parameter(0)
  %q.1 = f32[100]{0} parameter(1)
  %q.2 = f32[8]{0} parameter(2)
  %double = f32[100]{0} add(%q.0, %q.0)
  %slice.1 = f32[8]{0} slice(%double), slice={[0:8]}
  %slice.2 = f32[8]{0} slice(%q.0), slice={[50:58]}
  %slice.3 = f32[8]{0} slice(%q.1), slice={[0:8]}
  %slice.4 = f32[8]{0} fusion(%q.1), kind=kLoop, calls=%other
  ROOT %sum = f32[8]{0} add(%slice.1, %q.2)
}

ENTRY %main.2 (x.1: bf16[2,8,8,4], k.1: bf16[6,3,3,4]) -> (bf16[2,8,8,6]) {
  %x.1 = bf16[2,8,8,4]{3,2,1,0} parameter(0), sharding={replicated}
  %k.1 = bf16[6,3,3,4]{3,2,1,0} parameter(1)
  %conv.1 = (bf16[2,8,8,6]{3,2,1,0}, u8[0]{0}) custom-call(%x.1, %k.1), \
window={size=3x3 pad=1_1x1_1}, dim_labels=b01f_o01i->b01f, \
custom_call_target="__cudnn$convForward", metadata={op_name="jit(step)/E/conv"}
  %y = bf16[2,8,8,6]{3,2,1,0} get-tuple-element(%conv.1), index=0
  %conv.2 = (bf16[2,8,8,4]{3,2,1,0}, u8[0]{0}) custom-call(%y, %k.1), \
window={size=3x3 pad=1_1x1_1}, dim_labels=b01f_o01i->b01f, \
custom_call_target="__cudnn$convBackwardInput"
  %conv.3 = (f32[6,4,3,3]{3,2,1,0}, u8[0]{0}) custom-call(%x32, %y32), \
window={size=3x3 pad=1_1x1_1}, dim_labels=bf01_oi01->bf01, \
custom_call_target="__cudnn$convBackwardFilter"
  %copy.1 = bf16[2,8,8,6]{3,2,1,0} copy(%y)
  %loop_transpose_fusion = f32[8]{0} fusion(%y), kind=kLoop, calls=%fused
  ROOT %tuple = (bf16[2,8,8,6]{3,2,1,0}) tuple(%y)
}
"""
X32 = """  %x32 = f32[2,4,8,8]{3,2,1,0} parameter(2)
  %y32 = f32[2,6,8,8]{3,2,1,0} parameter(3)
"""


@pytest.fixture
def actual():
    text = TEXT.replace("  %conv.1", X32 + "  %conv.1", 1)
    return list(kernels.read(text))


def test_kernels_are_classified_and_counted(actual):
    assert [(k.kind, k.dtype, k.layout) for k in actual] == [
        ("convolution", "bf16", "b01f_o01i->b01f"),
        ("convolution", "bf16", "b01f_o01i->b01f"),
        ("convolution", "f32", "bf01_oi01->bf01"),
        ("copy", "bf16", ""),
        ("transpose", "f32", ""),
    ]
    products = 2 * (2 * 8 * 8) * 6 * (3 * 3 * 4)  # of all three convolutions
    assert [k.operations for k in actual] == [products] * 3 + [0, 0]
    x, y, kernel = 2 * 8 * 8 * 4, 2 * 8 * 8 * 6, 6 * 3 * 3 * 4
    forward = 2 * (x + y + kernel)  # each once, two bytes
    assert [k.bytes for k in actual[:4]] == [forward, forward, 2 * forward, 4 * y]
    assert actual[0].source == "jit(step)/E/conv"


def test_only_slices_of_sliced_arguments_are_moved():
    entry = """
ENTRY %main (a.1: f32[100], b.1: f32[100], c.1: f32[8]) -> f32[8] {
  %a.1 = f32[100]{0} parameter(0)
  %b.1 = f32[100]{0} parameter(1)
  %c.1 = f32[8]{0} parameter(2)
  ROOT %sum.1 = f32[8]{0} fusion(%a.1, %b.1, %c.1), kind=kLoop, calls=%fused.1
}
"""
    (kernel,) = kernels.read(TEXT.partition("ENTRY")[0].rstrip() + "\n" + entry)
    # Two slices of the first, all of the second (another instruction takes it), the
    # third, and the result.
    assert kernel.bytes == 4 * (2 * 8 + 100 + 8 + 8)


def test_unwanted_kernels(actual):
    assert kernels.unwanted(actual, "bf16", 4 * 768) == actual[2:4]
    assert kernels.unwanted(actual, "bf16", 4 * 768 + 1) == actual[2:3]
    assert kernels.unwanted(actual, "f32", 10**9) == actual[:3]
    # A GPU without tensor cores does not care about the layout.
    assert kernels.unwanted(actual, "f32", 10**9, channels_last=False) == actual[:2]


def test_all_reduced_bytes_are_counted():
    """Two gradients, and one mean that starts and ends in two instructions."""
    text = """
  %all-reduce.1 = (f32[8,4]{1,0}, f32[3]{0}) all-reduce(%a, %b), to_apply=%add
  %all-reduce-start = bf16[10]{0} all-reduce-start(%c), to_apply=%add
  %all-reduce-done = bf16[10]{0} all-reduce-done(%all-reduce-start)
"""
    assert kernels.all_reduced_bytes(text) == 4 * (8 * 4 + 3) + 2 * 10


def test_the_slower_of_products_and_memory_counts(actual):
    gpu = GPUS["a100"]
    expected = 0.0
    for kernel in actual:
        expected += max(kernel.operations / 312e12, kernel.bytes / 1555e9)
    assert minimum_seconds(gpu, actual, "bfloat16") == pytest.approx(expected)
