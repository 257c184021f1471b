"""Find problems of a prepared data set: errors spoil a training, warnings may."""

import collections
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from au_jax.data.metadata import Metadata
from au_jax.preparation.checks.dataset import Prepared
from au_jax.preparation.checks.statistics import Repeated, SplitStatistics
from au_jax.preparation.image_reader import LOST
from au_jax.raw.splits import bp4d_warning

FEW_POSITIVES = 10
# Above these shares of the images of a split, a warning becomes an error.
SHARED_IMAGES = 0.001
BAD_LANDMARKS = 0.05
# As a share of all files read.
MANY_REJECTED = 0.2


@dataclass(frozen=True)
class Finding:
    """Something to know before training."""

    error: bool
    """True if it would spoil a training."""
    text: str
    """One line: what is wrong, and what to do."""
    where: Sequence[str] = ()
    """The first places where it occurs."""


def findings(
    prepared: Prepared, splits: Mapping[str, SplitStatistics], copies: Repeated
) -> list[Finding]:
    """Return all findings, errors first."""
    results = [
        *_subjects(splits),
        *_split(prepared.metadata, splits),
        *_copies(prepared, splits, copies),
        *_faults(splits),
        *_labels(prepared.aus, splits),
        *_counts(prepared, splits),
    ]
    return sorted(results, key=lambda finding: not finding.error)


def _subjects(splits: Mapping[str, SplitStatistics]) -> Iterator[Finding]:
    places: dict[str, list[str]] = {}
    for name, split in splits.items():
        for subject in split.subjects:
            places.setdefault(subject, []).append(name)
    both = {s: names for s, names in places.items() if s and len(names) > 1}
    if both:
        yield Finding(
            True,
            f"{len(both)} subjects are in more than one split, so evaluation would use"
            " people seen in training; give each subject one split",
            [f"{s}: {' and '.join(names)}" for s, names in sorted(both.items())][:20],
        )
    if "train" not in splits:
        yield Finding(True, "there is no split train, so nothing can be trained")
    for name in ("val", "test"):
        if name not in splits:
            text = f"there is no split {name}, so nothing can be measured"
            yield Finding(False, text)


def _split(
    metadata: Metadata, splits: Mapping[str, SplitStatistics]
) -> Iterator[Finding]:
    subjects = {subject for split in splits.values() for subject in split.subjects}
    rules = metadata.split_rules.values()
    problem = bp4d_warning(metadata.dataset, rules, subjects)
    if problem and not metadata.licence:  # else these are other pictures
        yield Finding(False, problem)


def _copies(
    prepared: Prepared, splits: Mapping[str, SplitStatistics], copies: Repeated
) -> Iterator[Finding]:
    within, between, other_labels = [], [], []
    for group in copies.groups:
        records = [prepared.splits[split].record(i) for split, i in group]
        names = [
            f"{record['path'].decode()} ({split})"
            for record, (split, _) in zip(records, group, strict=True)
        ]
        labels = {(r["aus"].tobytes(), r["aus_known"].tobytes()) for r in records}
        several = len({split for split, _ in group}) > 1
        (between if several else within).append(" = ".join(names))
        if not several and len(labels) > 1:
            other_labels.append(" = ".join(names))
    shares = {
        name: n / splits[name].images for name, n in copies.shared.items() if n
    }  # a split without images shares none
    if shares:
        text = ", ".join(
            f"{copies.shared[n]} of {n} ({s:.1%})" for n, s in shares.items()
        )
        yield Finding(
            max(shares.values()) > SHARED_IMAGES,
            f"several splits contain the same pixels: {text}; remove the copies",
            between[:20],
        )
    least = "at least " if copies.num_groups > len(copies.groups) else ""
    if within:
        yield Finding(
            False,
            f"{least}{len(within)} images occur in one split under several names",
            within[:20],
        )
    if other_labels:
        yield Finding(
            False,
            f"{least}{len(other_labels)} images occur in one split under several names"
            " with different labels; find out which is right",
            other_labels[:20],
        )


def _faults(splits: Mapping[str, SplitStatistics]) -> Iterator[Finding]:
    for name, split in splits.items():
        for fault, n in split.fault_counts.items():
            share = n / max(split.images, 1)
            yield Finding(
                share > BAD_LANDMARKS or fault == "damaged records",
                f"{name}: {n} images ({share:.1%}) have {fault}"
                if fault != "damaged records"
                else f"{name}: {n} records are damaged; prepare the set again",
                split.faults[fault],
            )


def _labels(
    aus: Sequence[int], splits: Mapping[str, SplitStatistics]
) -> Iterator[Finding]:
    if not any(split.known.any() for split in splits.values()):
        yield Finding(False, "no image has a label; the set can only be a target")
        return
    for name, split in splits.items():
        if not split.known.any():
            continue
        if not split.active.any() or (split.active == split.known).all():
            state = "active" if split.active.any() else "inactive"
            yield Finding(
                name == "train", f"{name}: every label is {state}; is the table right?"
            )
            continue
        unknown = [au for au, n in zip(aus, split.known, strict=True) if not n]
        if unknown:
            yield Finding(False, f"{name}: no label for AU {_list(unknown)}")
        for au, n, known in zip(aus, split.active, split.known, strict=True):
            if known and min(n, known - n) < FEW_POSITIVES:
                kind = "active" if n <= known - n else "inactive"
                few = min(n, known - n)
                yield Finding(
                    False, f"{name}: AU {au} is {kind} in {few} of {known} images only"
                )


def _counts(
    prepared: Prepared, splits: Mapping[str, SplitStatistics]
) -> Iterator[Finding]:
    if not prepared.counts:
        return
    counted = {k: v["images"] for k, v in prepared.counts["splits"].items()}
    stored = {name: split.images for name, split in splits.items()}
    labels = {
        name: {str(au): int(n) for au, n in zip(prepared.aus, s.active, strict=True)}
        for name, s in splits.items()
    }
    expected = {
        name: {au: cell["active"] for au, cell in split["aus"].items()}
        for name, split in prepared.counts["splits"].items()
    }
    if counted != stored or labels != expected:
        yield Finding(
            True,
            f"counts.json says {counted}, but the records are {stored}"
            + ("" if counted != stored else ", with other labels")
            + "; prepare the set again",
        )
    reasons = collections.Counter(prepared.counts["rejected"])
    if unread := reasons["bad_label_file"]:
        files = _rejected(prepared, "bad_label_file")
        yield Finding(False, f"{unread} label files cannot be read", files)
    if lost := reasons[LOST]:
        text = (
            f"{lost} labelled frames are missing in damaged videos; where frames are"
            " lost before the end of a video, labels are shifted: get a whole copy"
        )
        yield Finding(False, text, _rejected(prepared, LOST))
    read = prepared.counts["read"]
    if reasons.total() > MANY_REJECTED * read:
        reason, n = reasons.most_common(1)[0]
        yield Finding(
            False,
            f"{reasons.total()} of {read} files were rejected, {n} as {reason}; see"
            " rejected.csv",
        )


def _rejected(prepared: Prepared, reason: str) -> list[str]:
    """Return the first files that were rejected for a reason, and the details."""
    found = (row for row in prepared.rejected() if row["reason"] == reason)
    return [f"{row['path']}: {row['detail']}" for row in itertools.islice(found, 20)]


def _list(aus: Sequence[int]) -> str:
    return ", ".join(str(au) for au in aus)
