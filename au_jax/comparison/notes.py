"""What a reader must know before the tables of a comparison."""

from au_jax.comparison.summary import Json
from au_jax.evaluation import published
from au_jax.evaluation.published import Tested
from au_jax.types import DOMAINS

_OF_PUBLISHED = (
    "Published rows hold for the published splits of BP4D and EmotioNet, at the paper's"
    " size; those of Fab-Net, TAE and CLP for three folds of BP4D and 12 AUs."
)


def heading(summary: Json) -> str:
    """Return the title of the page: the sets, and what was run on them."""
    setting = summary["setting"]
    parts = [f"Comparison of methods: {setting['source']} to {setting['target']}"]
    parts += [f"{key} {setting[key]}" for key in ("crop", "width") if key in setting]
    costs = [row["cost"] for row in summary["rows"]]
    steps = [round(cost["steps"]) for cost in costs if cost.get("steps")]
    if steps:
        bounds = sorted({min(steps), max(steps)})
        parts.append(" to ".join(f"{bound:,}" for bound in bounds) + " steps")
    return ", ".join(parts)


def published_set(summary: Json, domain: str) -> str:
    """Return the data set whose published scores hold for a domain, or ""."""
    setting = summary["setting"]
    return published.set_of(
        Tested(
            name=setting[domain],
            split=setting["split"],
            images=summary["always_active"][domain]["images"],
            aus=setting["aus"],
            dataset=setting.get("datasets", {}).get(domain, ""),
            split_rule=setting.get("split_rules", {}).get(domain, ""),
        )
    )


def notes(summary: Json) -> list[str]:
    """Return what a reader must know before the tables."""
    setting = summary["setting"]
    images = {d: summary["always_active"][d]["images"] for d in DOMAINS}
    by_stage = [
        ", ".join(f"{stage} {value}" for stage, value in setting[key].items())
        for key in ("epochs", "batch_size")
    ]
    return [
        *([setting["note"]] if setting["note"] else []),
        f"Split {setting['split']}: {images['source']} images of the source"
        f" ({setting['source']}), {images['target']} of the target"
        f" ({setting['target']}). It chose no checkpoint and no threshold.",
        f"Crop {setting['crop']}, width {setting['width']} of the paper's; epochs:"
        f" {by_stage[0]}; images of a domain per step: {by_stage[1]}.",
        "± is the standard deviation over seeds, brackets an interval of 95 % over"
        f" {setting['resamples']} resamples of people (of images, in a set without"
        " subjects), but not of seeds; differences are of the same resamples. A"
        " difference is to the row with the same head, on the target to ADLD's"
        " reconstructed path.",
        "Steps are those of the stages that detect AUs or translate images, with the"
        " run that a row starts from; seconds include stage 1, and leave out"
        " compilation and validation.",
        *([_OF_PUBLISHED] if any(published_set(summary, d) for d in DOMAINS) else []),
    ]
