"""GPUs by their data sheets: enough for XLA to compile for them, and to say what
a step would take at the rates that their makers promise."""

import dataclasses
from collections.abc import Iterable, Mapping

from au_jax.benchmarking.kernels import Kernel


@dataclasses.dataclass(frozen=True)
class Gpu:
    """One kind of GPU; rates are of the data sheet, dense, per second."""

    title: str
    capability: tuple[int, int]
    cores: int
    """Streaming multiprocessors."""
    lanes: int
    """Float32 units of each."""
    threads: int
    """Resident, of each."""
    shared: int
    """Bytes of shared memory of each."""
    cache: int
    """Bytes of its second level."""
    clock: float
    """GHz."""
    memory: int
    """Bytes."""
    bandwidth: float
    """Bytes."""
    products: Mapping[str, float]
    """Operations of convolutions and products, by the type of the numbers."""

    def target(self) -> str:
        """XLA's description of it, a GpuTargetConfig as text."""
        major, minor = self.capability
        numbers = {
            "threads_per_block_limit": 1024,
            "threads_per_warp": 32,
            "shared_memory_per_block": 49152,
            "shared_memory_per_core": self.shared,
            "threads_per_core_limit": self.threads,
            "core_count": self.cores,
            "fpus_per_core": self.lanes,
            "block_dim_limit_x": 2**31 - 1,
            "block_dim_limit_y": 65535,
            "block_dim_limit_z": 65535,
            "memory_bandwidth": int(self.bandwidth),
            "l2_cache_size": self.cache,
            "clock_rate_ghz": self.clock,
            "device_memory_size": self.memory,
            "shared_memory_per_block_optin": self.shared - 1024,
            "registers_per_core_limit": 65536,
            "registers_per_block_limit": 65536,
        }
        lines = " ".join(f"{name}: {number}" for name, number in numbers.items())
        return (
            f"gpu_device_info {{ {lines} cuda_compute_capability {{ major: {major}"
            f' minor: {minor} }} }} platform_name: "CUDA" dnn_version_info {{ major: 9'
            f' minor: 10 }} device_description_str: "{self.title}"'
        )


# The products in float32 are those of TF32 where there is such a thing: XLA takes it.
GPUS = {
    "rtx2080ti": Gpu(
        title="NVIDIA GeForce RTX 2080 Ti",
        capability=(7, 5),
        cores=68,
        lanes=64,
        threads=1024,
        shared=64 * 1024,
        cache=5632 * 1024,
        clock=1.545,
        memory=11 * 2**30,
        bandwidth=616e9,
        products={"float32": 13.4e12},
    ),
    "a100": Gpu(
        title="NVIDIA A100-SXM4-40GB",
        capability=(8, 0),
        cores=108,
        lanes=64,
        threads=2048,
        shared=164 * 1024,
        cache=40 * 2**20,
        clock=1.41,
        memory=40 * 2**30,
        bandwidth=1555e9,
        products={"float32": 156e12, "bfloat16": 312e12},
    ),
    "h100": Gpu(
        title="NVIDIA H100 80GB HBM3",
        capability=(9, 0),
        cores=132,
        lanes=128,
        threads=2048,
        shared=228 * 1024,
        cache=50 * 2**20,
        clock=1.98,
        memory=80 * 10**9,
        bandwidth=3350e9,
        products={"float32": 494e12, "bfloat16": 989e12},
    ),
}


def least_seconds(gpu: Gpu, kernels: Iterable[Kernel], dtype: str) -> float:
    """What the kernels take, one after the other, if each reaches a data-sheet rate:
    that of the products or that of the memory, whichever is slower for it."""
    rate = gpu.products[dtype]
    return sum(
        max(kernel.operations / rate, kernel.bytes / gpu.bandwidth)
        for kernel in kernels
    )
