"""Check that the tested images are others than those that teach or choose."""

from collections.abc import Sequence

from au_jax.comparison.other_rows import open_part
from au_jax.comparison.plan import Run
from au_jax.errors import UserError
from au_jax.evaluation.target_model import overlap
from au_jax.types import DOMAINS, Config


def check_apart(config: Config, runs: Sequence[Run]) -> None:
    """Check that the test split shares no image with labelled training or validation.

    Where no run learns from the target's labels, its training split may share some:
    methods then adapt to the tested images, but see none of their labels.

    Args:
        config: The comparison.
        runs: Its runs; the oracle has splits of its own.

    Raises:
        UserError: it shares some, or a set or split is absent.
    """
    used = {(d, _splits(config.run, d)) for d in DOMAINS}
    used |= {(d, _splits(run.config, d)) for run in runs for d in DOMAINS}
    for domain, names in sorted(used):
        test = open_part(config.run, domain, config.split)
        for name in names:
            if overlap(open_part(config.run, domain, name), test):
                raise UserError(
                    f"config.split={config.split}: it shares images of the {domain}"
                    f" with {name!r}, on which methods learn or choose, which would"
                    " flatter them: give another split"
                )


def _splits(run: Config, domain: str) -> tuple[str, ...]:
    """Return the splits of a domain whose labels a run sees."""
    training, validation = run.data[f"{domain}_splits"]
    learns = domain == "source" or run.supervised.domain == "target"
    return (training, validation) if learns else (validation,)
