"""FAb-Net: an embedding that is learned without labels, to compare with the paper.

One frame becomes another by a flow that embeddings tell (Wiles et al. 2018).

au-jax train --config=fab_net --workdir=runs/fab_net

:probe           A linear probe on the frozen embedding follows. The default.
:finetune        `supervised` follows, from the E_f that was learned.
:demo            The probe, on rendered faces, as long as joint:demo.
:tiny            The probe, as small as joint:tiny.
:finetune,tiny   As small as joint:tiny; finetune,demo likewise.
"""

from configs import joint


def get_config(variant: str = "probe") -> joint.Config:
    """Return the method and what measures it, at full size or a variant of it."""
    return joint.get_embedding_config("fab_net", variant)
