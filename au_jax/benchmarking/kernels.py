"""The kernels of a program that is compiled for a GPU.

They are parsed from XLA's text of the compiled module, which needs no GPU. A kernel is
an instruction of the entry computation that does work. It moves the bytes of its
results and arguments, each once; of an argument that it only slices, only the slices.
"""

import dataclasses
import math
import re
from collections.abc import Iterable, Iterator

_INSTRUCTION = re.compile(
    r"^\s+(?:ROOT )?%(?P<name>[\w.-]+) = (?P<type>\(.*?\)|\S+)"
    r" (?P<op>[\w-]+)\((?P<rest>.*)"
)
_SHAPE = re.compile(r"\b([a-z]+\d*)\[([\d,]*)\]")
_BYTES = {"pred": 1, "bf16": 2, "f16": 2}

# Instructions that do no work: they only name values that exist already.
_FREE = {"parameter", "get-tuple-element", "bitcast", "tuple", "constant"}

Shape = tuple[str, tuple[int, ...]]
"""Data type in XLA's spelling, and dimensions."""


@dataclasses.dataclass(frozen=True)
class Kernel:
    """One kernel launch."""

    name: str
    kind: str
    """ "convolution", "product", "copy", "transpose", or "other"."""
    dtype: str
    """Data type of the first input of a convolution or product; for other kinds, of the
    largest result."""
    layout: str
    """XLA's dimension labels of a convolution ("b01f" is channels last), else empty."""
    operations: int
    """Floating-point operations of a convolution; 0 for all other kinds."""
    bytes: int
    """Bytes moved."""
    source: str
    """XLA's `op_name`: the network and operation that the kernel comes from."""


def read(text: str) -> Iterator[Kernel]:
    """Yield the kernels of a compiled module, given `compiled.as_text()`."""
    results: dict[str, list[Shape]] = {}
    entry = text.index("\nENTRY")
    slices = _slices(text[:entry])
    for line in text[entry:].splitlines():
        match = _INSTRUCTION.match(line)
        if not match:
            continue
        name, op, rest = match["name"], match["op"], match["rest"]
        results[name] = _shapes(match["type"])
        if op in _FREE:
            continue
        called = slices.get(_first_match(r"calls=%([\w.-]+)", rest), {})
        taken = [
            called.get(i, results[argument])
            for i, argument in enumerate(_arguments(rest))
            if argument in results
        ]
        yield _kernel(name, op, line, results[name], taken)


def _arguments(rest: str) -> list[str]:
    return re.findall(r"%([\w.-]+)", rest.partition(")")[0])


def _slices(text: str) -> dict[str, dict[int, list[Shape]]]:
    """Return, for each fused computation, the slices of parameters that it only slices.

    The inner dict maps a parameter's number to the shapes of its slices. A slice of an
    elementwise function of a parameter counts as a slice of that parameter.
    """
    slices_by_computation: dict[str, dict[int, list[Shape]]] = {}
    sliced: dict[int, list[Shape]] = {}
    came_from: dict[str, set[int]] = {}
    sides: dict[str, tuple[int, ...]] = {}
    for line in text.splitlines():
        if line.startswith("%"):
            sliced, came_from, sides = {}, {}, {}
            slices_by_computation[line[1:].partition(" ")[0]] = sliced
        if not (match := _INSTRUCTION.match(line)):
            continue
        name, op, made = match["name"], match["op"], _shapes(match["type"])
        sides[name], came_from[name] = made[0][1] if made else (), set()
        if op == "parameter":
            number = int(match["rest"].partition(")")[0])
            sliced[number], came_from[name] = [], {number}
        for argument in _arguments(match["rest"]):
            for number in came_from.get(argument, set()) & sliced.keys():
                if op == "slice":
                    sliced[number] += made
                elif sides[argument] == sides[name] and "ROOT" not in line:
                    came_from[name].add(number)
                else:
                    del sliced[number]
    return slices_by_computation


def all_reduced_bytes(text: str) -> int:
    """Return the bytes that each device all-reduces in one run of the program."""
    return sum(
        _size(shape)
        for line in text.splitlines()
        if (match := _INSTRUCTION.match(line))
        and match["op"] in ("all-reduce", "all-reduce-start")
        for shape in _shapes(match["type"])
    )


def _shapes(text: str) -> list[Shape]:
    return [
        (dtype, tuple(int(n) for n in sides.split(",") if n))
        for dtype, sides in _SHAPE.findall(text)
    ]


def _kernel(
    name: str, op: str, line: str, made: list[Shape], taken: list[list[Shape]]
) -> Kernel:
    target = _first_match(r'custom_call_target="([^"]*)"', line)
    kind = "other"
    if "conv" in target:
        kind = "convolution"
    elif "gemm" in target or "gemm" in name:
        kind = "product"
    elif "transpose" in name:
        kind = "transpose"
    elif op == "copy":
        kind = "copy"
    layout = (
        _first_match(r"dim_labels=(\S+?)[,\s]", line) if kind == "convolution" else ""
    )
    moved = [*made, *(shape for shapes in taken for shape in shapes)]
    largest = max(made, key=_size, default=("", ()))
    first = taken[0][0] if taken and taken[0] else largest
    return Kernel(
        name,
        kind,
        (first if kind in ("convolution", "product") else largest)[0],
        layout,
        _operations(target, layout, made, taken) if layout else 0,
        sum(_size(shape) for shape in moved),
        source(line),
    )


def source(line: str) -> str:
    """Return the `Kernel.source` of an instruction's line."""
    return _first_match(r'op_name="([^"]*)"', line)


def _operations(
    target: str, layout: str, made: list[Shape], taken: list[list[Shape]]
) -> int:
    """Return the floating-point operations of a convolution, forward or backward.

    All three kinds multiply each output of the forward convolution with the kernel
    weights of its output channel. A multiplication and its addition are two operations,
    as in `operations`.
    """
    first, second, result = taken[0][0][1], taken[1][0][1], made[0][1]
    outputs, kernel = result, second
    if "BackwardInput" in target:
        outputs = first
    elif "BackwardFilter" in target:
        outputs, kernel = second, result
    channels = kernel[_first_match(r"_(\w+)->", layout).index("o")]
    return 2 * math.prod(outputs) * math.prod(kernel) // max(channels, 1)


def _size(shape: Shape) -> int:
    dtype, sides = shape
    bits = re.sub(r"\D", "", dtype)
    return math.prod(sides) * _BYTES.get(dtype, int(bits or 0) // 8)


def _first_match(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    return match[1] if match else ""


def unwanted(
    kernels: Iterable[Kernel], dtype: str, smallest: int, channels_last: bool = True
) -> list[Kernel]:
    """Return the kernels that a step with networks in `dtype` should not have.

    These are convolutions in another data type, convolutions whose maps are not
    channels last (if `channels_last`: tensor cores need that layout), and copies and
    transposes that move at least `smallest` bytes.
    """
    return [
        kernel
        for kernel in kernels
        if (kernel.kind == "convolution" and kernel.dtype != dtype)
        or (channels_last and kernel.layout and not _is_channels_last(kernel.layout))
        or (kernel.kind in ("copy", "transpose") and kernel.bytes >= smallest)
    ]


def _is_channels_last(layout: str) -> bool:
    """Return True if the input and output maps have the channels last."""
    return re.fullmatch(r"b01f_\w+->b01f", layout) is not None
