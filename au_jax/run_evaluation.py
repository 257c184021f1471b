"""A run on a split of both domains: its best checkpoints, its tables."""

import json
from pathlib import Path

import jax
from rich.console import Console

from au_jax import devices, evaluation, metrics, report
from au_jax.data import source
from au_jax.errors import UserError
from au_jax.run_state import best_networks, read_config, stages_with_checkpoints
from au_jax.stages import STAGES
from au_jax.types import Config

TITLES = {"direct": "AU(E_f(I))", "reconstructed": "AU(G_st(A, B))"}

# The source is tested as it is trained, the target by both paths (method.md section 7).
PATHS = {"source": ("direct",), "target": ("reconstructed", "direct")}


def run(workdir: Path, split: str, data_dir: str | None) -> None:
    """Writes `eval.json` and `eval.md` into the workdir and prints the tables."""
    config = read_config(workdir)
    if data_dir is not None:
        config.data.data_dir = data_dir
    result = evaluate_run(config, workdir, split)
    (workdir / "eval.json").write_text(json.dumps(report.to_json(result), indent=2))
    (workdir / "eval.md").write_text(report.to_markdown(result))
    report.print_report(result, Console())


def evaluate_run(config: Config, workdir: Path, split: str) -> report.Report:
    """Each domain by the checkpoint that validated best on it (method.md section 5)."""
    aus, mesh = tuple(config.data.aus), devices.make_mesh()
    notes, sections, errors = [], [], {}
    for domain in evaluation.DOMAINS:
        name = config.data[domain]
        data = source.open_split(config.data.data_dir, name, split, aus)
        stage = best_stage(config, workdir, domain)
        *networks, step = best_networks(stage, domain, config, workdir)
        params, batch_stats = jax.device_put(networks, devices.replicated(mesh))
        found = evaluation.evaluate(
            evaluation.compile_predict(mesh, STAGES[stage].make_predict(config)),
            params,
            batch_stats,
            data,
            mesh=mesh,
            crop=config.data.crop,
            batch_size=config.eval.batch_size,
        )
        notes.append(
            f"{domain}: {name}, split {split}, {len(data)} images; checkpoint of stage"
            f" {stage}, step {step}, best on validation of the {domain}"
        )
        trivial = metrics.always_active(*source.labels(data))
        for path in PATHS[domain]:
            if path in found.scores:
                title = f"{domain} ({name}), {path} path: {TITLES[path]}"
                sections.append(report.Section(title, aus, found.scores[path], trivial))
        if found.landmark_error is not None:
            errors[domain] = found.landmark_error
    return report.Report(tuple(notes), tuple(sections), errors)


def best_stage(config: Config, workdir: Path, domain: str) -> str:
    """The stage whose best checkpoint counts for `domain`.

    The last one of the run; but finetuning only where it improved validation.
    """
    scores = stages_with_checkpoints(config, workdir, domain)
    if not scores:
        raise UserError(f"{workdir} holds no checkpoint yet: training has not begun")
    *before, last = scores
    if last == "finetune" and before and scores[before[-1]] >= scores[last]:
        return before[-1]
    return last
