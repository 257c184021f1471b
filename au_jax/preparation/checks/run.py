"""Check prepared data sets: print findings, write the report page."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from au_jax.errors import printable
from au_jax.faces import drawing
from au_jax.preparation import counts
from au_jax.preparation.checks import dataset, report_page
from au_jax.preparation.checks.dataset import Prepared
from au_jax.preparation.checks.findings import Finding, findings
from au_jax.preparation.checks.statistics import SplitStatistics, count, repeated
from au_jax.raw.splits import in_words
from au_jax.runtime.files import write_whole


def check(
    folder: Path,
    raw: Path | None = None,
    faces: str | None = None,
    pause: Callable[[], None] = lambda: None,
) -> int:
    """Check every data set in `folder`; print its counts and findings.

    Returns:
        The exit code: 1 if a finding would spoil a training.

    Raises:
        UserError: there is no data set in the folder.
    """
    directories = dataset.find(folder)
    if faces:
        drawing.choose(faces, licensed=False)
    code = 0
    for directory in directories:
        opened = dataset.open_prepared(directory)
        splits = {name: count(s, pause) for name, s in opened.splits.items()}
        print(f"{directory}\n{counts.table(_report(opened, splits))}")
        code |= conclude(opened, splits, raw, faces)
    return code


def check_prepared(
    directory: Path,
    raw: Path,
    faces: str | None,
    pause: Callable[[], None],
) -> int:
    """Check the set that preparation has just written; its counts are printed already.

    Returns:
        The exit code: 1 if a finding would spoil a training.
    """
    opened = dataset.open_prepared(directory)
    splits = {name: count(s, pause) for name, s in opened.splits.items()}
    return conclude(opened, splits, raw, faces)


def conclude(
    opened: Prepared,
    splits: Mapping[str, SplitStatistics],
    raw: Path | None,
    faces: str | None,
) -> int:
    """Print the findings and write `report.html`; return the exit code."""
    results = findings(opened, splits, repeated(splits))
    _print(results)
    show = drawing.choose(faces, bool(opened.metadata.licensed_as))
    file = opened.directory / "report.html"
    write_whole(file, report_page.page(opened, splits, results, show, raw))
    print(f"split: {in_words(opened.metadata.split_rules)}")
    print(f"report: {file} (faces: {show})")
    return int(any(finding.error for finding in results))


def _print(results: Sequence[Finding]) -> None:
    if not results:
        print("check: no problems found")
    for finding in results:
        print(f"{'error' if finding.error else 'warning'}: {finding.text}")
        for place in finding.where[:3]:
            print(f"    {printable(place)}")
        if len(finding.where) > 3:
            print("    ... more in report.html")


def _report(opened: Prepared, splits: Mapping[str, SplitStatistics]) -> dict[str, Any]:
    """Return the counts of the stored records, in the form of counts.json."""
    kept = sum(split.images for split in splits.values())
    stored = opened.counts or {"read": kept, "rejected": {}}
    return {
        "read": stored["read"],
        "kept": kept,
        "rejected": stored["rejected"],
        "splits": {
            name: {
                "images": split.images,
                "subjects": len(split.subjects.keys() - {""}),
                "aus": {
                    str(au): {"known": int(known), "active": int(active)}
                    for au, known, active in zip(
                        opened.aus, split.known, split.active, strict=True
                    )
                },
            }
            for name, split in splits.items()
        },
    }
