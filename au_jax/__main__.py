"""Run one of the programs by name: `au-jax predict` or `python -m au_jax predict`.

Each is also a module of its own: `au-jax train` is `python -m au_jax.main`.
"""

import difflib
import runpy
import sys

PROGRAMS = {
    "render": "render the embedded data sets",
    "prepare": "find and align the faces of a raw data set, or check a prepared one",
    "train": "train the stages of a config",
    "eval": "score a run, or choose its thresholds",
    "export": "pack the model of a run into one file",
    "predict": "find faces and their action units in pictures and videos",
    "benchmark": "measure the speed of training, prediction and reading",
}

USAGE = "usage: au-jax COMMAND [FLAG...]\n\n" + "\n".join(
    f"  {name:<10}{what}" for name, what in PROGRAMS.items()
)


def main() -> None:
    """Hands the command line after the program's name to that program."""
    command, *arguments = sys.argv[1:] or ["--help"]
    if command in ("-h", "--help", "help"):
        print(f"{USAGE}\n\nau-jax COMMAND --help lists the flags of a command.")
        return
    if command == "--version":
        from au_jax import __version__

        print(__version__)
        return
    if command not in PROGRAMS:
        near = difflib.get_close_matches(command, PROGRAMS, n=1)
        hint = (
            f"; did you mean {near[0]}?"
            if near
            else f"; it is one of {', '.join(PROGRAMS)}"
        )
        print(f"error: au-jax has no command {command!r}{hint}", file=sys.stderr)
        sys.exit(2)
    module = "main" if command == "train" else command
    sys.argv = [f"au-jax {command}", *arguments]
    runpy.run_module(f"au_jax.{module}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
