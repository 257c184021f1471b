"""Data sheets of GPUs.

They suffice for XLA to compile for a GPU, and for a lower bound on a step's time.
"""

import dataclasses
from collections.abc import Iterable, Mapping

from au_jax.benchmarking.kernels import Kernel


@dataclasses.dataclass(frozen=True)
class Gpu:
    """One model of GPU; rates are dense peaks per second from its data sheet."""

    title: str
    capability: tuple[int, int]
    """CUDA compute capability: major, minor."""
    multiprocessors: int
    float32_units: int
    """Per multiprocessor."""
    resident_threads: int
    """Per multiprocessor."""
    shared_memory: int
    """Bytes per multiprocessor."""
    l2_cache: int
    """Bytes."""
    clock: float
    """GHz."""
    memory: int
    """Bytes."""
    bandwidth: float
    """Bytes of memory per second."""
    product_rates: Mapping[str, float]
    """Operations per second of convolutions and matrix products, by data type."""

    def target(self) -> str:
        """Return XLA's description of the GPU: a GpuTargetConfig in text format."""
        major, minor = self.capability
        numbers = {
            "threads_per_block_limit": 1024,
            "threads_per_warp": 32,
            "shared_memory_per_block": 49152,
            "shared_memory_per_core": self.shared_memory,
            "threads_per_core_limit": self.resident_threads,
            "core_count": self.multiprocessors,
            "fpus_per_core": self.float32_units,
            "block_dim_limit_x": 2**31 - 1,
            "block_dim_limit_y": 65535,
            "block_dim_limit_z": 65535,
            "memory_bandwidth": int(self.bandwidth),
            "l2_cache_size": self.l2_cache,
            "clock_rate_ghz": self.clock,
            "device_memory_size": self.memory,
            "shared_memory_per_block_optin": self.shared_memory - 1024,
            "registers_per_core_limit": 65536,
            "registers_per_block_limit": 65536,
        }
        lines = " ".join(f"{name}: {number}" for name, number in numbers.items())
        return (
            f"gpu_device_info {{ {lines} cuda_compute_capability {{ major: {major}"
            f' minor: {minor} }} }} platform_name: "CUDA" dnn_version_info {{ major: 9'
            f' minor: 10 }} device_description_str: "{self.title}"'
        )


# Rates of float32 are those of TF32 on GPUs that have it, because XLA uses it there.
GPUS = {
    "rtx2080ti": Gpu(
        title="NVIDIA GeForce RTX 2080 Ti",
        capability=(7, 5),
        multiprocessors=68,
        float32_units=64,
        resident_threads=1024,
        shared_memory=64 * 1024,
        l2_cache=5632 * 1024,
        clock=1.545,
        memory=11 * 2**30,
        bandwidth=616e9,
        product_rates={"float32": 13.4e12},
    ),
    "a100": Gpu(
        title="NVIDIA A100-SXM4-40GB",
        capability=(8, 0),
        multiprocessors=108,
        float32_units=64,
        resident_threads=2048,
        shared_memory=164 * 1024,
        l2_cache=40 * 2**20,
        clock=1.41,
        memory=40 * 2**30,
        bandwidth=1555e9,
        product_rates={"float32": 156e12, "bfloat16": 312e12},
    ),
    "h100": Gpu(
        title="NVIDIA H100 80GB HBM3",
        capability=(9, 0),
        multiprocessors=132,
        float32_units=128,
        resident_threads=2048,
        shared_memory=228 * 1024,
        l2_cache=50 * 2**20,
        clock=1.98,
        memory=80 * 10**9,
        bandwidth=3350e9,
        product_rates={"float32": 494e12, "bfloat16": 989e12},
    ),
}


def minimum_seconds(gpu: Gpu, kernels: Iterable[Kernel], dtype: str) -> float:
    """Return a lower bound on the time of kernels that run one after the other.

    Each kernel is bound by the data sheet's rate of products or of the memory,
    whichever takes longer.
    """
    rate = gpu.product_rates[dtype]
    return sum(
        max(kernel.operations / rate, kernel.bytes / gpu.bandwidth)
        for kernel in kernels
    )
