"""Run a program by its name: `au-jax predict` or `python -m au_jax predict`.

Each program is a module, too: `au-jax predict` is `python -m au_jax.predict`, and
`au-jax train` is `python -m au_jax.main`.
"""

import difflib
import runpy
import sys

from au_jax.errors import run_program

PROGRAMS = {
    "render": "Render the embedded data sets, which need no licence.",
    "reenact": "Give photographs of neutral faces known AUs, for training.",
    "prepare": "Find and align the faces of a raw data set, or check a prepared one.",
    "train": "Train the stages of a config.",
    "compare": "Train and test all methods on one budget, and write their tables.",
    "eval": "Score a trained run, or choose its decision thresholds.",
    "export": "Pack the model of a run into one file.",
    "predict": "Find faces and their action units in pictures and videos.",
    "benchmark": "Measure the speed of training, prediction and data reading.",
}

USAGE = """usage: au-jax COMMAND [FLAG...]

{commands}

`au-jax COMMAND --help` lists the flags of a command.""".format(
    commands="\n".join(f"  {name:<10}{text}" for name, text in PROGRAMS.items())
)


def main() -> None:
    """Run the program that the first argument names, with the arguments after it."""
    command, *arguments = sys.argv[1:] or ["--help"]
    if command in ("-h", "--help", "help"):
        run_program(lambda: print(USAGE))
    if command == "--version":
        from au_jax import __version__

        print(__version__)
        return
    if command not in PROGRAMS:
        near = difflib.get_close_matches(command, PROGRAMS, n=1)
        hint = (
            f"did you mean {near[0]}?" if near else f"give one of {', '.join(PROGRAMS)}"
        )
        print(f"error: au-jax has no command {command!r}; {hint}", file=sys.stderr)
        sys.exit(2)
    module = "main" if command == "train" else command
    sys.argv = [sys.argv[0], *arguments]
    # As `python -m` runs it: loader processes, too, start from the module by its name.
    runpy.run_module(f"au_jax.{module}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
