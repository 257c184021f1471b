"""Where the time of a training step goes on a CPU: by kind of operation, on one core.

On more than one, operations run beside each other and wait in line; then no time is any
one operation's own. GPUs have profilers of their own (XProf, Nsight).
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
"""An instruction of the compiled program, and when it began and ended, in seconds."""


def profile(stage: str, config: Config, repeats: int) -> dict[str, Any]:
    """The seconds of one core that each kind of operation takes of a step; means."""
    mesh = devices.make_mesh()
    step, state, batch = workload.make(stage, config)
    state, batch = (
        devices.place_replicated(mesh, state),
        devices.place_batch(mesh, batch),
    )
    compiled: Any = compile_train_step(mesh, step).lower(state, batch).compile()
    kinds = kinds_of(compiled.as_text())
    total: dict[str, float] = defaultdict(float)

    def once() -> Any:
        nonlocal state
        state, terms = compiled(state, batch)
        return state, terms

    jax.block_until_ready(once())
    for _ in range(repeats):
        for name, seconds in own_times(recorded(once)):
            total[kinds.get(name, "rest")] += seconds / repeats
    return {
        "stage": stage,
        "batch_size": config[stage].batch_size,
        "seconds_of_one_core": sum(total.values()),
        **dict(sorted(total.items(), key=lambda item: -item[1])),
    }


def recorded(function: Callable[[], Any]) -> list[Event]:
    """The instructions that run while `function` does."""
    options = jax.profiler.ProfileOptions()
    options.python_tracer_level = 0  # of no interest, and long
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder, profiler_options=options):
            jax.block_until_ready(function())
        (file,) = Path(folder).rglob("*.xplane.pb")
        data = jax.profiler.ProfileData.from_file(str(file))
    events = [e for plane in data.planes for line in plane.lines for e in line.events]
    began = {event.name: event.start_ns for event in events}
    # What an instruction hands to threads is done when its "end" comes.
    ended = {
        event.name.removeprefix("end: "): event.end_ns
        for event in events
        if event.name.startswith("end: ")
    }
    return [
        (name, began[name] / 1e9, ended[name] / 1e9) for name in began.keys() & ended
    ]


def own_times(events: Iterable[Event]) -> Iterator[tuple[str, float]]:
    """Each instruction's own seconds, where one core does one after the other."""
    free = 0.0
    for name, began, ended in sorted(events, key=lambda event: event[2]):
        yield name, ended - max(began, free)
        free = ended


def kinds_of(text: str) -> dict[str, str]:
    """The kind of each instruction of a compiled module, by what it came from."""
    kinds: dict[str, str] = {}
    computation, of_roots = "", {}
    for line in text.splitlines():
        if line.startswith("%"):
            computation = line[1:].partition(" ")[0]
        if match := re.match(r"\s+(ROOT )?%([\w.-]+) = \S+ ([\w-]+)\(", line):
            root, name, operation = match.groups()
            kind = _kind(kernels.source(line), operation)
            called = re.search(r"calls=%([\w.-]+)", line)
            if called and kind == "rest":
                kind = of_roots.get(called[1], kind)
            kinds[name] = kind
            if root:
                of_roots[computation] = kind
    return kinds


def _kind(source: str, operation: str) -> str:
    """By what JAX calls an instruction, after the networks and scopes it is in, and by
    what XLA calls it."""
    name = source.rpartition("/")[2]
    backward = "transpose(" in source
    if convolution.KERNEL_GRADIENT in source:
        plain = name in ("conv_general_dilated", "dot_general")
        return f"filter_gradient{'' if plain else '_transforms'}"
    if not source and operation == "convolution":
        # XLA turned one's maps around and forgot its name: so it does with these only.
        return "filter_gradient"
    if name == "conv_general_dilated":
        if convolution.INPUT_GRADIENT in source:
            return "input_gradient"
        return "other_convolutions_gradient" if backward else "convolution"
    if "jvp(" in source:
        return "norms_activations_losses" + "_gradient" * backward
    return "rest"
