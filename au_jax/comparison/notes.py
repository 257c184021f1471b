"""What a reader must know before the tables of a comparison."""

from au_jax.comparison.summary import Json
from au_jax.evaluation import published
from au_jax.types import DOMAINS

_OF_PUBLISHED = (
    "Published rows hold for the published splits of BP4D and EmotioNet, at the paper's"
    " size; those of Fab-Net, TAE and CLP for three folds of BP4D and 12 AUs."
)


def heading(summary: Json) -> str:
    """Return the title of the page."""
    setting = summary["setting"]
    return f"Comparison of methods: {setting['source']} to {setting['target']}"


def notes(summary: Json) -> list[str]:
    """Return what a reader must know before the tables."""
    setting = summary["setting"]
    about = [published.hold_for(setting[d], setting["aus"]) for d in DOMAINS]
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
        *([_OF_PUBLISHED] if any(about) else []),
    ]
