"""Write report.html into a run: one page that loads nothing from outside."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA

from au_jax.data import pipeline
from au_jax.data.split import FaceSplit
from au_jax.data.transforms import normalise
from au_jax.errors import UserError
from au_jax.evaluation import metrics
from au_jax.evaluation.inference import (
    LoadedModel,
    SplitPredictions,
    predict_images,
    predict_split,
)
from au_jax.evaluation.report import Cells, Report, note_lines, summary_cells
from au_jax.faces import drawing
from au_jax.run_report import maps, pictures, plots
from au_jax.runtime import html
from au_jax.runtime.files import write_whole
from au_jax.stages import predecessor
from au_jax.types import DOMAINS, Config, EvalBatch, Variables
from au_jax.workdir import validations
from au_jax.workdir.best_networks import best_networks
from au_jax.workdir.initial_networks import find_origin, usual_rule
from au_jax.workdir.metrics_log import read_metrics

FILE = "report.html"
FACES, POINTS = 3, 250  # of each domain: faces drawn, images projected

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 1180px; margin: 0 auto;
  padding: 1rem; color: #1c1c1c; background: #fff; }
h2 { border-bottom: 1px solid #ccc; margin-top: 2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .6rem; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child { text-align: left; } .pictures th { text-align: center; }
td.picture { border: 0; padding: 2px; } td.picture + td.picture { text-align: left; }
svg { max-width: 100%; height: auto; } .wide { overflow-x: auto; }
"""


def write(
    config: Config,
    workdir: Path,
    report: Report,
    models: Mapping[str, LoadedModel],
    splits: Mapping[str, FaceSplit],
    faces: str | None = None,
) -> Path:
    """Write the report of a run; return its path.

    Args:
        config: The config of the run.
        workdir: The work directory of the run.
        report: The evaluation on the test splits.
        models: The model that answers for each domain.
        splits: The test split of each domain.
        faces: "show", "blur" or "none"; None hides the faces of licensed sets.
    """
    title = escape(f"Run {workdir.name}: {', '.join(config.stages)}")
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1><ul>",
        *(f"<li>{escape(line)}</li>" for line in note_lines(report)),
        "</ul>",
    ]
    if report.models:
        parts += ["<h2>Scores</h2>", table(summary_cells(report))]
    parts += ["<h2>Training</h2>", *_training(config, workdir)]
    parts += _validation(config, workdir)
    for domain, model in models.items():
        if domain in splits:
            parts += _test(domain, model, splits[domain])
    if len(splits) == len(DOMAINS) and "target" in models:
        parts += _inside(config, workdir, models["target"], splits, faces)
    write_whole(workdir / FILE, "\n".join([*parts, "</body></html>\n"]))
    return workdir / FILE


def table(cells: Cells) -> str:
    """Return a table that scrolls if it is wide; the first row is its header."""
    header, *rows = cells
    return f'<div class="wide">{html.table(header, rows)}</div>'


def _training(config: Config, workdir: Path) -> Iterator[str]:
    """Yield the curves of each stage's terms."""
    for stage in config.stages:
        series: dict[str, tuple[list[float], list[float]]] = {}
        for line in read_metrics(workdir):
            if line["stage"] != stage or "total" not in line:
                continue
            for name, value in line.items():
                is_term = name not in ("stage", "step", "time") and "/" not in name
                if is_term and value is not None:
                    x, y = series.setdefault(name, ([], []))
                    x.append(float(line["step"]))
                    y.append(value)
        if series:
            panels = {name: {"": found} for name, found in series.items()}
            yield f"<h3>Terms of {escape(stage)}</h3>{plots.curves(panels, 'step')}"


def _validation(config: Config, workdir: Path) -> Iterator[str]:
    """Yield the scores of each validation, as means and per AU."""
    for stage in config.stages:
        steps = validations.steps(workdir, stage)
        answers = [validations.read(workdir, stage, step) for step in steps]
        panels: dict[str, dict[str, tuple[list[float], list[float]]]] = {}
        for step, by_domain in zip(steps, answers, strict=True):
            for domain, found in by_domain.items():
                for path, p in found.probabilities.items():
                    scores = metrics.score(p, found.aus, found.known)
                    lines = {
                        f"{domain}, {path}: mean": {
                            name: scores.mean(name)
                            for name in ("f1", "average_precision", "auc")
                        },
                        f"{domain}, {path}: AUC per AU": {
                            f"AU {au}": value
                            for au, value in zip(
                                config.data.aus, scores.auc, strict=True
                            )
                        },
                    }
                    for panel, values in lines.items():
                        for name, value in values.items():
                            series = panels.setdefault(panel, {})
                            x, y = series.setdefault(name, ([], []))
                            x.append(float(step))
                            y.append(float(value))
        if panels:
            yield f"<h2>Validation of {escape(stage)}</h2>"
            yield plots.curves(panels, "step")


def _test(domain: str, model: LoadedModel, split: FaceSplit) -> Iterator[str]:
    """Yield precision-recall, reliability and confusion on a test split."""
    activity = f"report of {domain}"
    found = predict_split(model.predictor, model.variables, split, activity=activity)
    if not found.probabilities or not found.known.any():
        return
    labelled = found.aus, found.known, split.aus
    yield f"<h2>Test: {escape(domain)}, {len(split):,} images</h2>"
    yield "<h3>Precision and recall</h3>"
    yield plots.precision_recall(found.probabilities, *labelled)
    yield "<h3>Calibration</h3>"
    yield plots.reliability(found.probabilities, *labelled)
    yield "<h3>Confusion at a threshold of .5</h3>"
    for path in found.probabilities:
        yield table(confusion_cells(path, found, split.aus))


def confusion_cells(path: str, found: SplitPredictions, aus: Sequence[int]) -> Cells:
    """Return the counts of right and wrong decisions of a path, per AU."""
    decided = metrics.decide(found.probabilities[path], metrics.THRESHOLD)
    active, known = found.aus > 0, found.known
    rows = {
        "hits (active, found)": decided & active,
        "misses (active, not found)": ~decided & active,
        "false alarms (inactive, found)": decided & ~active,
        "inactive, not found": ~decided & ~active,
    }
    header = [f"{path} path", *(f"AU {au}" for au in aus)]
    return [
        header,
        *([name, *map(str, (x & known).sum(axis=0))] for name, x in rows.items()),
    ]


def _inside(
    config: Config,
    workdir: Path,
    model: LoadedModel,
    splits: Mapping[str, FaceSplit],
    faces: str | None,
) -> Iterator[str]:
    """Yield pictures of the feature maps, and projections before and after."""
    if "feature_encoder" not in model.variables.params.get("task", {}):
        return
    count = min(POINTS, *(len(split) for split in splits.values()))
    count -= count % model.predictor.mesh.size  # a batch is divided over the devices
    if not count:
        return
    batches = [_spread(splits[domain], config.data.crop, count) for domain in DOMAINS]
    image, landmarks = (
        np.stack([np.asarray(batch[key]) for batch in batches])
        for key in ("image", "landmarks")
    )
    inputs = normalise(image), landmarks
    found = maps.compute(model.stage, config, model.variables, *inputs)
    yield "<h2>Inside the networks</h2>"
    yield (
        "<p>True landmarks are joined by green lines; predicted ones are orange."
        " Maps are means of absolute values over channels. X has the background of"
        " its row's domain and the landmarks of the other domain's image at the same"
        " place of the table.</p><table class='pictures'><tr>"
    )
    yield "".join(f"<th>{escape(title)}</th>" for title in pictures.titles(found))
    yield "</tr>"
    for d, domain in enumerate(DOMAINS):
        show = drawing.choose(faces, splits[domain].licensed)
        of_domain = image[d], np.asarray(batches[d]["landmarks"])
        prediction = predict_images(model.predictor, model.variables, *of_domain)
        predicted = prediction.landmarks
        for index in np.linspace(0, count - 1, FACES + 2).astype(int)[1:-1].tolist():
            true = np.asarray(batches[d]["landmarks"][index])
            answer = None if predicted is None else np.asarray(predicted[index])
            face = image[d, index]
            drawn = pictures.row(face, true, answer, found, d, index, show)
            cells = (pictures.as_html(picture, domain) for picture in drawn)
            yield "<tr>" + "".join(f'<td class="picture">{c}</td>' for c in cells)
    yield "</table><h3>Mean features, projected to their two principal components</h3>"
    panels = {f"after {model.stage}": projected(found)}
    if before := _networks_before(config, workdir, model.stage):
        stage, variables = before
        first = maps.compute(stage, config, variables, *inputs)
        panels = {f"before, after {stage}": projected(first), **panels}
    yield plots.scatter(panels)


def _spread(split: FaceSplit, crop: int, count: int) -> EvalBatch:
    """Read images that are spread over a split, as one batch."""
    indices = np.linspace(0, len(split) - 1, count).astype(int).tolist()
    (batch,) = pipeline.make_eval(split, crop=crop, batch_size=count, indices=indices)
    return batch


def projected(found: maps.Maps) -> dict[str, np.ndarray]:
    """Return points of source, target and, if there are any, recombined features.

    The axes are the principal components of source and target together.
    """
    groups = {d: maps.pooled(found.features[i]) for i, d in enumerate(DOMAINS)}
    if found.recombined is not None:
        for i, domain in enumerate(DOMAINS):
            name = f"X, background of the {domain}"
            groups[name] = maps.pooled(found.recombined[i])
    both = np.concatenate([groups[domain] for domain in DOMAINS])
    axes = PCA(min(2, *both.shape)).fit(both)
    points = {name: axes.transform(values) for name, values in groups.items()}
    return {
        name: np.pad(p, ((0, 0), (0, 2 - p.shape[1]))) for name, p in points.items()
    }


def _networks_before(
    config: Config, workdir: Path, stage: str
) -> tuple[str, Variables] | None:
    """Return the stage that one started from, with its networks, if it has E_f.

    It is its predecessor in the run, by the rule of `initial_networks`, or the origin
    that `config.init_from` names, if that is still there.
    """
    before = predecessor(stage, config)
    if before in config.stages and (workdir / before).is_dir():
        rule = usual_rule(before, config)
        networks, _ = best_networks(before, rule, config, workdir)
        if "feature_encoder" in networks.params.get("task", {}):
            return before, networks
    if not config.init_from:
        return None
    try:
        origin = find_origin(config.init_from, config.init_rule)
        networks, _ = best_networks(*origin)
    except UserError:  # it has moved, or its checkpoints were deleted
        return None
    has_features = "feature_encoder" in networks.params.get("task", {})
    return (origin.stage, networks) if has_features else None
