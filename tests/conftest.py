"""Settings of every test: two CPU devices, strict JAX, a cache of compiled programs.

JAX_PLATFORMS=cuda,cpu runs the tests on a GPU; tests of several devices need the CPU's.
"""

import os
import pathlib
from importlib.metadata import version

from packaging.version import Version

# The environment, not `jax.config`: programs that tests start inherit it.
os.environ |= {
    "JAX_PLATFORMS": os.environ.get("JAX_PLATFORMS", "cpu"),
    "JAX_NUM_CPU_DEVICES": "2",
    "JAX_NUMPY_RANK_PROMOTION": "raise",
    # As `au_jax` sets it; tests import OpenCV first.
    "OPENCV_IO_MAX_IMAGE_PIXELS": "178956970",
    # Most tests spend most of their time compiling, often the same programs.
    "JAX_COMPILATION_CACHE_DIR": str(pathlib.Path(__file__).parents[1] / ".jax_cache"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    # LLVM's optimization would take half of the time, and tests run little. Sums are a
    # little less exact without it. The other flags save a third of the rest. XLA ends
    # the process at a flag that it does not know, and newer ones do not know the last.
    "XLA_FLAGS": os.environ.get(
        "XLA_FLAGS",
        "--xla_backend_optimization_level=0 --xla_cpu_parallel_codegen_split_count=1"
        + " --xla_cpu_use_fusion_emitters=false"
        * (Version(version("jaxlib")) < Version("0.11")),
    ),
}

import jax
import pytest


def pytest_configure():
    """Stop at once if JAX was imported before the variables above were set."""
    assert jax.config.jax_num_cpu_devices == 2  # pyright: ignore
    assert jax.config.jax_numpy_rank_promotion == "raise"  # pyright: ignore


def pytest_addoption(parser: pytest.Parser):
    parser.addoption("--all", action="store_true", help="run the slow tests too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]):
    for item in items:
        if "slow" in item.keywords and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(1200))
    if config.getoption("--all") or "slow" in str(config.getoption("-m")):
        return
    slow = [item for item in items if "slow" in item.keywords]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if "slow" not in item.keywords]


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> list[pathlib.Path]:
    """Return pictures of six rendered people."""
    from tests.rendered import write_photographs

    return write_photographs(tmp_path_factory.mktemp("photographs"), 6)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pathlib.Path]:
    """Return rendered videos by name: see `tests.rendered.CLIPS`."""
    from tests.rendered import write_clips

    return write_clips(tmp_path_factory.mktemp("clips"))
