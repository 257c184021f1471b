"""What a run says of itself: JSON lines in the workdir, a line in the log."""

import json
import logging
import math
from collections.abc import Mapping
from pathlib import Path

LOG = logging.getLogger(__name__)

Values = Mapping[str, float]


def write_metrics(workdir: Path, stage: str, step: int, values: Values) -> None:
    """Appends one line to `metrics.jsonl`; what is not finite becomes null."""
    finite = {k: v if math.isfinite(v) else None for k, v in values.items()}
    with (workdir / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"stage": stage, "step": step, **finite}) + "\n")


def log_metrics(stage: str, step: int, num_steps: int, values: Values) -> None:
    """One line for people; what is grouped by a slash is for the files only."""
    shown = {name: value for name, value in values.items() if "/" not in name}
    text = "  ".join(f"{name} {value:.4g}" for name, value in shown.items())
    LOG.info("%s %d/%d  %s", stage, step, num_steps, text)
