"""Models from ADLD snapshots.

The expected forward pass comes from a reference file, which an independent PyTorch
implementation wrote; its README says how the parameters are drawn.
"""

import collections
import functools
from typing import Any

import numpy as np
import pytest

from au_jax.errors import UserError
from au_jax.model_file import from_adld
from au_jax.stages import joint
from au_jax.workdir.best_networks import network_shapes
from configs import adld as adld_config
from configs import joint as joint_config
from tests import reference_models as reference
from tests.references import reference_files

FILES = {  # the files of a snapshot: prefix of the network in the reference
    "base_net": "base.",
    "land_enc": "land.",
    "au_enc": "au.",
    "invar_shape_enc": "tex.",
    "feat_gen": "gen.",
}


def config_of(case):
    config = adld_config.get_config()
    config.data.crop = case.crop
    return config


@functools.cache
def state_dicts(case):
    """Return the arrays of each file in PyTorch's layout, named as in the reference."""
    config = config_of(case)
    params, _ = network_shapes("joint", config)
    stream = np.random.RandomState(case.seed)
    dicts = {name: collections.OrderedDict() for name in FILES}
    for leaf in reference.adld_leaves(len(config.data.aus)):
        parameter: Any = params
        for part in leaf.path:
            parameter = parameter[part]
        value = reference.draw(stream, leaf.kind, parameter.shape)
        for name, prefix in FILES.items():
            if leaf.reference.startswith(prefix):
                _put(dicts[name], leaf, value)
    return dicts


def _put(state, leaf, value):
    if value.ndim > 1:  # out, in, height, width
        value = np.moveaxis(value, (-1, -2), (0, 1))
    if leaf.kind == "slope":
        value = value.reshape(1)
    state[leaf.reference.partition(".")[2]] = value
    if leaf.path[-2:] == ("norm", "bias"):
        stem = leaf.reference.partition(".")[2].removesuffix("bias")
        state[f"{stem}running_mean"] = np.zeros_like(value)
        state[f"{stem}running_var"] = np.ones_like(value)
        state[f"{stem}num_batches_tracked"] = np.array(0)


def without_counts(state):
    return {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}


@pytest.fixture(params=reference_files("adld_*.npz"), ids=lambda path: path.stem)
def snapshot(request, tmp_path, monkeypatch):
    """A folder of two snapshots, of which the newer is incomplete."""
    case = reference.parse(request.param)
    dicts = {
        f"{name}_7.pth": without_counts(state)
        for name, state in state_dicts(case).items()
    }
    for name in [*dicts, "base_net_8.pth", "base_net_x.pth"]:
        (tmp_path / name).touch()
    monkeypatch.setattr(from_adld, "_state_dict", lambda file: dicts[file.name])
    return tmp_path, case, dicts, dict(np.load(request.param))


def test_the_forward_pass_matches_the_reference(snapshot):
    folder, case, _, numbers = snapshot
    config = config_of(case)
    model = from_adld.load(folder, config)
    assert model.card["training"] == {"method": "ADLD", "snapshot": 7}
    batch, _ = reference.inputs(case, joint=False)
    predict = joint.make_predict(config)
    prediction = predict(model.variables, batch["image"][1], batch["landmarks"][1])
    expected = 1 / (1 + np.exp(-numbers["eval/au_logits_target"]))
    np.testing.assert_allclose(prediction.aus["reconstructed"], expected, atol=1e-4)


def test_an_incomplete_snapshot_is_refused(snapshot):
    folder, case, *_ = snapshot
    (folder / "feat_gen_7.pth").unlink()
    with pytest.raises(UserError, match="no complete snapshot; it needs base_net_N"):
        from_adld.load(folder, config_of(case))
    with pytest.raises(UserError, match="is not a folder"):
        from_adld.load(folder / "base_net_7.pth", config_of(case))


def test_other_networks_are_refused(snapshot):
    folder, case, dicts, _ = snapshot
    config = config_of(case)
    config.data.aus = (1, 2, 4)
    with pytest.raises(UserError, match=r"au_enc_7.pth has .* name the AUs"):
        from_adld.load(folder, config)
    config = config_of(case)
    config.model.width = 0.5
    with pytest.raises(UserError, match=r"0.weight of shape \(3, 3, 3, 32\) is where"):
        from_adld.load(folder, config)
    name, array = next(iter(dicts["feat_gen_7.pth"].items()))
    dicts["feat_gen_7.pth"][name] = array * np.nan
    with pytest.raises(UserError, match=r"feat_gen_7.pth: entry .* not finite"):
        from_adld.load(folder, config_of(case))


def test_a_config_of_other_networks_is_refused(snapshot):
    folder, case, *_ = snapshot
    config = joint_config.get_config()
    config.data.crop = case.crop
    with pytest.raises(UserError, match=r"other networks than ADLD's.*configs/adld"):
        from_adld.load(folder, config)
