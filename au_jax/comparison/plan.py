"""The runs of a comparison: which there are, what each starts from, and their order."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

from ml_collections import ConfigDict

from au_jax.comparison import classical
from au_jax.errors import UserError
from au_jax.models.au_detector import Pooling
from au_jax.runtime.command_line import flatten
from au_jax.runtime.config_files import did_you_mean
from au_jax.stages import WITHOUT_AUS
from au_jax.training import config_checks
from au_jax.types import Config


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the tables: a method with a head, or with a changed weight."""

    method: str
    """The name of a recipe, or of a classical detector."""
    head: str = ""
    """The pooling of the AU head; "" for rows that do not choose one."""
    change: str = ""
    """A changed key of the sweep, such as "loss.landmark=0.3"."""

    @property
    def name(self) -> str:
        """The name of the row's folder."""
        return "-".join(filter(None, (self.method, self.head, self.change)))


@dataclasses.dataclass(frozen=True)
class Run:
    """One training run: a row and a seed."""

    row: Row
    seed: int
    config: Config
    """The config that `au-jax train` would take."""
    folder: Path
    """The work directory."""
    start: "Run | None"
    """The run whose networks this one starts from."""

    @property
    def level(self) -> int:
        """How many runs must be done before: 0 for a run that starts from nothing."""
        return 0 if self.start is None else self.start.level + 1


def rows(config: Config) -> list[Row]:
    """Return the rows of the tables, in order.

    Raises:
        UserError: a method, a head, a seed or a value of the sweep cannot be.
    """
    _check(config)
    found = []
    for method in _split(config.methods):
        if method in classical.NAMES or config.recipes[method].shared:
            found.append(Row(method))
        else:
            found += [Row(method, head) for head in _split(config.heads)]
    head = _split(config.heads)[0]
    return found + [Row("c", head, change) for change in _changes(config)]


def runs(config: Config, workdir: Path) -> list[Run]:
    """Return all runs, each after the one that it starts from.

    One head comes after the other, and seed after seed: so the first rows are complete
    long before the last ones.

    Raises:
        UserError: as `rows`, or a run's config has a mistake.
    """
    wanted = [row for row in rows(config) if row.method not in classical.NAMES]
    found: dict[Path, Run] = {}
    for head in _split(config.heads):
        for seed in config.seeds:
            for row in (row for row in wanted if row.head in ("", head)):
                for run in _with_starts(config, workdir, row, seed):
                    found.setdefault(run.folder, run)
    for run in found.values():
        try:
            config_checks.check_values(run.config)
        except UserError as error:
            raise UserError(f"config.run, for {run.row.name}: {error}") from None
    return list(found.values())


def listing(found: Sequence[Run]) -> str:
    """Return a line per run: level, task and folder."""
    lines = []
    for level in range(max((run.level for run in found), default=-1) + 1):
        of_level = [run for run in found if run.level == level]
        for task, run in enumerate(of_level):
            lines.append(f"--level={level} --task={task}  {run.folder}")
    return "\n".join(lines)


def _with_starts(config: Config, workdir: Path, row: Row, seed: int) -> Iterator[Run]:
    """Yield a run after the runs that it needs."""
    recipe = config.recipes[row.method]
    start = None
    if recipe.start:
        shared = config.recipes[recipe.start].shared
        before = Row(recipe.start, "" if shared else row.head)
        for start in _with_starts(config, workdir, before, seed):
            yield start
    folder = workdir / row.name / f"seed{seed}"
    yield Run(row, seed, _run_config(config, row, seed, start), folder, start)


def _run_config(config: Config, row: Row, seed: int, start: Run | None) -> Config:
    recipe = config.recipes[row.method]
    run: Config = ConfigDict(config.run.to_dict())
    run.update(recipe.changes.to_dict())
    run.stages, run.seed = tuple(recipe.stages), seed
    if row.head:
        run.model.au_pooling = row.head
    if start is not None:
        run.init_from = str(start.folder)
    if row.change:
        key, _, value = row.change.partition("=")
        run.update_from_flattened_dict({key: float(value)})
    return run


def _changes(config: Config) -> list[str]:
    changes = []
    for key, values in flatten(config.sweep).items():
        if isinstance(values, ConfigDict) or not values:
            continue
        for value in str(values).split(","):
            try:
                changes.append(f"{key}={float(value):g}")
            except ValueError:
                raise UserError(
                    f"config.sweep.{key}={values}: {value!r} is no number; give"
                    " numbers with commas between them"
                ) from None
    return changes


def _split(names: tuple[str, ...]) -> list[str]:
    """Return names that were given one by one, or with commas between them."""
    return [name for text in names for name in text.split(",") if name]


def _check(config: Config) -> None:
    """Check the keys that are the comparison's own.

    Raises:
        UserError: one cannot be.
    """
    if "recipes" not in config:
        raise UserError("this config compares nothing; give --config=compare:demo")
    for name, recipe in config.recipes.items():
        if recipe.start and recipe.start not in config.recipes:
            hint = did_you_mean(recipe.start, list(config.recipes))
            key = f"config.recipes.{name}.start"
            raise UserError(f"{key}: there is no recipe {recipe.start!r}{hint}")
    # Networks without an AU head have no row: others start from them.
    methods = [
        name
        for name, recipe in config.recipes.items()
        if recipe.stages[-1] not in WITHOUT_AUS
    ]
    known = {"methods": [*classical.NAMES, *methods], "heads": [*get_args(Pooling)]}
    for key, names in known.items():
        given = _split(config[key])
        for name in given:
            if name not in names:
                hint = did_you_mean(name, names)
                raise UserError(
                    f"config.{key}: {name!r} is not known{hint}; it takes:"
                    f" {', '.join(names)}"
                )
        if not given or len(set(given)) < len(given):
            raise UserError(f"config.{key}={','.join(given)} must name each row once")
    seeds = config.seeds
    are_numbers = all(isinstance(seed, int) and seed >= 0 for seed in seeds)
    if not seeds or len(set(seeds)) < len(seeds) or not are_numbers:
        raise UserError(f"config.seeds={seeds} must be different numbers: 0, 1, 2, ...")
    if config.bootstrap < 2:
        raise UserError(f"config.bootstrap={config.bootstrap} must be at least 2")
