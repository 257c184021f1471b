"""The benchmark's workload. Expected: the shapes of one that is really built."""

import subprocess
import sys

from tests.programs import ROOT

# In its own process: the tests' type checks refuse a state of abstract shapes.
SCRIPT = """
import jax
import jax.numpy as jnp

from au_jax.benchmarking import workload
from configs import joint


def describe(tree):
    return jax.tree.map(lambda x: (jnp.shape(x), jnp.result_type(x)), tree)


config = joint.get_config("tiny")
_, *shapes = workload.workload_shapes("landmarks", config)
_, *arrays = workload.make_workload("landmarks", config)
assert describe(shapes) == describe(arrays)
print("equal")
"""


def test_shapes_are_those_of_a_real_workload():
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "equal\n", done.stderr
