"""What a program compiled for a GPU consists of: its kernels, by their text.

XLA's text of a compiled module is read, not its profile: this needs no GPU. A kernel is
an instruction of the entry computation that does work; the bytes that it moves are its
results and all that it takes, each once; of what it only takes slices of, the slices.
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

# No work of their own: names for what is there already.
_FREE = {"parameter", "get-tuple-element", "bitcast", "tuple", "constant"}

Shape = tuple[str, tuple[int, ...]]
"""Type of the numbers, and the sides."""


@dataclasses.dataclass(frozen=True)
class Kernel:
    """One launch."""

    name: str
    kind: str
    """ "convolution", "product", "copy", "transpose", or "other"."""
    dtype: str
    """Of what a convolution or product takes; of the largest result otherwise."""
    layout: str
    """Of a convolution, as XLA writes it: "b01f" has the channels last."""
    operations: int
    """Of a convolution; 0 of all others."""
    bytes: int
    source: str
    """What it came from: the network and the operation."""


def read(text: str) -> Iterator[Kernel]:
    """The kernels of a compiled module, `compiled.as_text()`."""
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
        called = slices.get(_found(r"calls=%([\w.-]+)", rest), {})
        taken = [
            called.get(i, results[argument])
            for i, argument in enumerate(_arguments(rest))
            if argument in results
        ]
        yield _kernel(name, op, line, results[name], taken)


def _arguments(rest: str) -> list[str]:
    return re.findall(r"%([\w.-]+)", rest.partition(")")[0])


def _slices(text: str) -> dict[str, dict[int, list[Shape]]]:
    """By fused computation: the parameters that only slices are taken of, and these.

    A slice of what was computed from a parameter number by number is one of it.
    """
    found: dict[str, dict[int, list[Shape]]] = {}
    sliced: dict[int, list[Shape]] = {}
    came_from: dict[str, set[int]] = {}
    sides: dict[str, tuple[int, ...]] = {}
    for line in text.splitlines():
        if line.startswith("%"):
            sliced, came_from, sides = {}, {}, {}
            found[line[1:].partition(" ")[0]] = sliced
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
    return found


def all_reduced_bytes(text: str) -> int:
    """Bytes that each device adds up with the others in one run of the program."""
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
    target = _found(r'custom_call_target="([^"]*)"', line)
    kind = "other"
    if "conv" in target:
        kind = "convolution"
    elif "gemm" in target or "gemm" in name:
        kind = "product"
    elif "transpose" in name:
        kind = "transpose"
    elif op == "copy":
        kind = "copy"
    layout = _found(r"dim_labels=(\S+?)[,\s]", line) if kind == "convolution" else ""
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
    """`Kernel.source` of an instruction."""
    return _found(r'op_name="([^"]*)"', line)


def _operations(
    target: str, layout: str, made: list[Shape], taken: list[list[Shape]]
) -> int:
    """A product and its sum are two, as in operations.py; whichever of the three
    convolutions it is, each pair of an output pixel and a number of the filter is one
    product but for the output channels, which both have."""
    first, second, result = taken[0][0][1], taken[1][0][1], made[0][1]
    outputs, kernel = result, second
    if "BackwardInput" in target:
        outputs = first
    elif "BackwardFilter" in target:
        outputs, kernel = second, result
    channels = kernel[_found(r"_(\w+)->", layout).index("o")]
    return 2 * math.prod(outputs) * math.prod(kernel) // max(channels, 1)


def _size(shape: Shape) -> int:
    dtype, sides = shape
    bits = re.sub(r"\D", "", dtype)
    return math.prod(sides) * _BYTES.get(dtype, int(bits or 0) // 8)


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    return match[1] if match else ""


def unwanted(
    kernels: Iterable[Kernel], dtype: str, smallest: int, channels_last: bool = True
) -> list[Kernel]:
    """What should not be in a step whose networks compute in `dtype`.

    Convolutions in another type, convolutions whose maps are not channels last where
    the units for products want that, and copies and transposes that move at least
    `smallest` bytes.
    """
    return [
        kernel
        for kernel in kernels
        if (kernel.kind == "convolution" and kernel.dtype != dtype)
        or (channels_last and kernel.layout and not _last(kernel.layout))
        or (kernel.kind in ("copy", "transpose") and kernel.bytes >= smallest)
    ]


def _last(layout: str) -> bool:
    """Whether the maps before and after a convolution have the channels last."""
    return re.fullmatch(r"b01f_\w+->b01f", layout) is not None
