"""A run on a split of both domains: its best checkpoints, its tables."""

import dataclasses
import json
from pathlib import Path

import jax
from rich.console import Console

from au_jax.data import split as source
from au_jax.errors import UserError
from au_jax.evaluation import faces_png, inference, metrics, report, report_json
from au_jax.runtime import devices
from au_jax.stages import STAGES
from au_jax.types import DOMAINS, Config, Variables
from au_jax.workdir import thresholds
from au_jax.workdir.networks import best_networks, read_config, stages_with_checkpoints
from au_jax.workdir.thresholds import Thresholds

TITLES = {"direct": "AU(E_f(I))", "reconstructed": "AU(G_st(A, B))"}

FLOOR = "supervised"  # the stage that learns from the source's labels alone

# The source is tested as it is trained, the target by both paths (method.md section 7).
PATHS = {"source": ("direct",), "target": ("reconstructed", "direct")}


def evaluate(
    workdir: Path, split: str, data_dir: str | None, faces: str | None = None
) -> None:
    """Writes `eval.json`, `eval.md`, `faces.png` into the workdir; prints the tables.

    `faces` is how test faces are shown (au_jax/faces/drawing.py).
    """
    config = read_config(workdir)
    if data_dir is not None:
        config.data.data_dir = data_dir
    result = evaluate_run(config, workdir, split)
    (workdir / "eval.json").write_text(
        json.dumps(report_json.to_json(result), indent=2)
    )
    (workdir / "eval.md").write_text(report.to_markdown(result))
    stages = {d: best_stage(config, workdir, d) for d in DOMAINS}
    sheet = faces_png.write(config, workdir, split, stages, faces)
    report.print_report(result, Console())
    print(f"faces: {sheet}")


def evaluate_run(config: Config, workdir: Path, split: str) -> report.Report:
    """Each domain by the checkpoint that validated best on it (method.md section 5)."""
    aus = tuple(config.data.aus)
    notes, sections, errors = [], [], {}
    calibrated = thresholds.read(workdir, aus)
    lines: dict[str, dict[str, dict[str, float]]] = {}
    for domain in DOMAINS:
        name = config.data[domain]
        data = source.open_split(config.data.data_dir, name, split, aus)
        trivial = metrics.always_active(*source.labels(data))
        lines.setdefault("always active", {})[domain] = _means(trivial)
        model = best_stage(config, workdir, domain)
        for stage in (*_floor(config, workdir), model):
            limits = calibrated if (domain, stage) == ("target", model) else None
            found, step = _evaluate(config, workdir, stage, domain, data, limits)
            notes.append(
                f"{domain}: {name}, split {split}, {len(data)} images; checkpoint of"
                f" stage {stage}, step {step}, best on validation of the {domain}"
            )
            for path in PATHS[domain]:
                if path not in found.scores:
                    continue
                answer = f"{path} path" if stage == model else f"{stage} (the floor)"
                title = f"{domain} ({name}), {answer}: {TITLES[path]}"
                scores = found.scores[path]
                section = report.Section(title, aus, scores, trivial)
                if limits and found.calibrated and path == limits.path:
                    section = dataclasses.replace(
                        section, calibrated=found.calibrated, thresholds=limits.values
                    )
                    way = f"{stage}, {path}, calibrated"
                    lines.setdefault(way, {})[domain] = _means(found.calibrated)
                    told = f"thresholds of the {path} path: chosen on {limits.split}"
                    notes.append(f"{domain}: {told}")
                sections.append(section)
                lines.setdefault(f"{stage}, {path}", {})[domain] = _means(scores)
            if found.landmark_error is not None:
                errors[domain] = found.landmark_error
    summary = tuple(report.Line(name, lines[name]) for name in sorted(lines, key=_rank))
    return report.Report(tuple(notes), tuple(sections), errors, summary)


def _evaluate(
    config: Config,
    workdir: Path,
    stage: str,
    domain: str,
    data: source.FaceSplit,
    calibrated: Thresholds | None,
) -> tuple[inference.Evaluation, int]:
    """The best checkpoint of a stage on a split, and its step.

    Thresholds of another checkpoint are left out.
    """
    mesh = devices.make_mesh()
    *networks, step = best_networks(stage, domain, config, workdir)
    if calibrated and (calibrated.stage, calibrated.step) != (stage, step):
        calibrated = None
    variables = jax.device_put(Variables(*networks), devices.replicated(mesh))
    found = inference.evaluate(
        inference.compile_predict(mesh, STAGES[stage].make_predict(config)),
        variables,
        data,
        mesh=mesh,
        crop=config.data.crop,
        batch_size=config.eval.batch_size,
        calibrated=calibrated,
    )
    return found, step


def best_stage(config: Config, workdir: Path, domain: str) -> str:
    """The stage whose best checkpoint counts for `domain`.

    The last one of the run; but finetuning only where it improved validation, and
    `supervised` only where nothing else was trained: otherwise it is the floor.
    """
    scores = stages_with_checkpoints(config, workdir, domain)
    if not scores:
        raise UserError(f"{workdir} holds no checkpoint yet: training has not begun")
    if scores.keys() - {FLOOR, "landmarks"}:
        scores.pop(FLOOR, None)
    *before, last = scores
    if last == "finetune" and before and scores[before[-1]] >= scores[last]:
        return before[-1]
    return last


def _floor(config: Config, workdir: Path) -> list[str]:
    """`supervised`, where it was trained besides other stages to compare them with."""
    scores = stages_with_checkpoints(config, workdir, DOMAINS[0])
    others = scores.keys() - {FLOOR, "landmarks"}
    return [FLOOR] if FLOOR in scores and others else []


def _rank(name: str) -> tuple[bool, bool, str]:
    """Order of the summary: the trivial answer, the floor, the paths of the model."""
    return name != "always active", not name.startswith(FLOOR), name


def _means(scores: metrics.AuScores) -> dict[str, float]:
    return {metric: scores.mean(metric) for metric in report.SUMMARY}
