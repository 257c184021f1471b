"""A profile of a training step on one CPU core, by kind of operation.

On several cores operations overlap and wait for each other, so their times cannot be
told apart. GPUs have profilers of their own (XProf, Nsight).
"""

import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import jax

from au_jax.benchmarking import kernels, workload
from au_jax.models import convolution
from au_jax.runtime import devices
from au_jax.training.step import compile_train_step
from au_jax.types import Config

Event = tuple[str, float, float]
"""The name of an instruction, and the seconds at which it began and ended."""


def profile_train_step(stage: str, config: Config, repeats: int) -> dict[str, Any]:
    """Return the mean seconds per step of each kind of operation, on one core."""
    mesh = devices.make_mesh()
    step, state, batch = workload.make_workload(stage, config)
    state = devices.place_replicated(mesh, state)
    batch = devices.place_batch(mesh, batch)
    compiled: Any = compile_train_step(mesh, step).lower(state, batch).compile()
    kinds = instruction_kinds(compiled.as_text())
    seconds_by_kind: dict[str, float] = defaultdict(float)

    def run_step() -> Any:
        nonlocal state
        state, terms = compiled(state, batch)
        return state, terms

    jax.block_until_ready(run_step())
    for _ in range(repeats):
        for name, seconds in self_times(record_events(run_step)):
            seconds_by_kind[kinds.get(name, "rest")] += seconds / repeats
    return {
        "stage": stage,
        "batch_size": config[stage].batch_size,
        "seconds_of_one_core": sum(seconds_by_kind.values()),
        **dict(sorted(seconds_by_kind.items(), key=lambda item: -item[1])),
    }


def record_events(function: Callable[[], Any]) -> list[Event]:
    """Run `function` under JAX's profiler and return the instructions that ran."""
    options = jax.profiler.ProfileOptions()
    options.python_tracer_level = 0  # Python calls are not needed
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder, profiler_options=options):
            jax.block_until_ready(function())
        (file,) = Path(folder).rglob("*.xplane.pb")
        data = jax.profiler.ProfileData.from_file(str(file))
    events = [e for plane in data.planes for line in plane.lines for e in line.events]
    began = {event.name: event.start_ns for event in events}
    # An instruction may hand work to threads; its "end" event comes when that is done.
    ended = {
        event.name.removeprefix("end: "): event.end_ns
        for event in events
        if event.name.startswith("end: ")
    }
    return [
        (name, began[name] / 1e9, ended[name] / 1e9) for name in began.keys() & ended
    ]


def self_times(events: Iterable[Event]) -> Iterator[tuple[str, float]]:
    """Yield the seconds of each instruction without its waiting for the one before.

    This holds on one core, which runs one instruction at a time.
    """
    core_free = 0.0
    for name, began, ended in sorted(events, key=lambda event: event[2]):
        yield name, ended - max(began, core_free)
        core_free = ended


def instruction_kinds(text: str) -> dict[str, str]:
    """Return the kind of each instruction of a compiled module, by its name."""
    kinds: dict[str, str] = {}
    computation, root_kinds = "", {}
    for line in text.splitlines():
        if line.startswith("%"):
            computation = line[1:].partition(" ")[0]
        if match := re.match(r"\s+(ROOT )?%([\w.-]+) = \S+ ([\w-]+)\(", line):
            root, name, operation = match.groups()
            kind = _kind(kernels.source(line), operation)
            called = re.search(r"calls=%([\w.-]+)", line)
            if called and kind == "rest":
                kind = root_kinds.get(called[1], kind)
            kinds[name] = kind
            if root:
                root_kinds[computation] = kind
    return kinds


def _kind(source: str, operation: str) -> str:
    """Classify an instruction by its JAX source and its XLA operation.

    The source is a path: the networks and scopes, then the name of the JAX primitive.
    """
    name = source.rpartition("/")[2]
    backward = "transpose(" in source
    if convolution.KERNEL_GRADIENT in source:
        is_product = name in ("conv_general_dilated", "dot_general")
        return f"filter_gradient{'' if is_product else '_transforms'}"
    if not source and operation == "convolution":
        # XLA drops the source of a convolution whose maps it transposes, which it does
        # to kernel gradients only.
        return "filter_gradient"
    if name == "conv_general_dilated":
        if convolution.INPUT_GRADIENT in source:
            return "input_gradient"
        return "other_convolutions_gradient" if backward else "convolution"
    if "jvp(" in source:
        return "norms_activations_losses" + "_gradient" * backward
    return "rest"
