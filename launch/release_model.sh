#!/usr/bin/env bash
# Make the model that comes with au_jax.
#     launch/release_model.sh STUDIO WILD PHOTOS [--config.KEY=VALUE ...]
# STUDIO holds labelled faces in BP4D's layout, WILD faces in EmotioNet's, whose labelled
# `val` chooses the checkpoint, and PHOTOS neutral faces, which are moved. Rendered faces
# are added. Writes prepared/, runs/release, model.aujax and its card, model.md. Its
# training took 47 minutes of a core of a busy machine. Run it again to resume.
# PYTHON names the Python that makes a new .venv; SUBJECTS a table of who is on WILD's
# pictures (docs/data.md), for intervals of scores.
# The card begins with launch/release_note.md, which describes our pictures and their
# licences: with others, change it, and `licence` below. docs/model.md has more scores, by
# `eval --on=real_smiles`, `--on=faces_wild` with `--by=skin` and other groups, and
# `--degraded`, before the same `export`.
set -euo pipefail
if [ $# -lt 3 ]; then
    sed -n '2,14s/^# //p' "$0" >&2
    exit 2
fi
# One a line: the status of a line is that of its last command.
studio=$(realpath "$1")
wild=$(realpath "$2")
photos=$(realpath "$3")
licence="any use with attribution, as said above"
people=${SUBJECTS:+--subjects=$(realpath "$SUBJECTS")}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source launch/environment.sh
use_environment requirements/faces.txt
run() { "$python" -m "$@"; }

run au_jax.prepare --dataset=bp4d --name=studio --raw="$studio" --data_dir=prepared \
    --licence="$licence"
run au_jax.prepare --dataset=emotionet --name=wild --raw="$wild" --data_dir=prepared \
    --licence="$licence" ${people:+"$people"}
run au_jax.reenact --raw="$photos" --data_dir=prepared --pictures=9
run au_jax.render --data_dir=prepared
run au_jax.main --config=configs/release.py --workdir=runs/release "${@:4}"
run au_jax.eval --workdir=runs/release --calibrate=val --false_alarms=.05
run au_jax.eval --workdir=runs/release
run au_jax.eval --workdir=runs/release --on=studio
run au_jax.eval --workdir=runs/release --on=reenacted
run au_jax.eval --workdir=runs/release --on=faces_wild
run au_jax.eval --workdir=runs/release --intensity=val --on=reenacted
run au_jax.export --workdir=runs/release --out=model.aujax --card=model.md \
    --note=launch/release_note.md
