"""PyTorch files of ADLD snapshots. Expected: the arrays that PyTorch saved."""

import collections
import pickle

import numpy as np
import pytest

from au_jax.errors import UserError
from au_jax.model_file import from_adld
from tests import reference_models as reference
from tests.model_file.test_from_adld import state_dicts, without_counts

torch = pytest.importorskip("torch", reason="PyTorch (the extra `adld`) is absent")


@pytest.mark.parametrize("as_zip", [True, False])  # False: the format of PyTorch 0.4
def test_state_dicts_of_pytorch_are_read(tmp_path, as_zip):
    case = reference.Case(0, 128, 2)
    expected = state_dicts(case)["base_net"]
    tensors = collections.OrderedDict(
        (name, torch.from_numpy(np.ascontiguousarray(array)))
        for name, array in expected.items()
    )
    file = tmp_path / "base_net_1.pth"
    torch.save(tensors, file, _use_new_zipfile_serialization=as_zip)
    arrays = from_adld._state_dict(file)
    assert list(arrays) == list(without_counts(expected))
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, expected[name])


class Hostile:
    """An object whose unpickling creates a file."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return open, (str(self.target), "w")


def test_no_code_of_a_file_is_executed(tmp_path):
    trace = tmp_path / "trace"
    for name, write in (("pickle", pickle.dump), ("torch", torch.save)):
        file = tmp_path / name
        with file.open("wb") as stream:
            write({"0.weight": Hostile(trace)}, stream)
        with pytest.raises(UserError, match="is not a PyTorch state dict") as error:
            from_adld._state_dict(file)
        assert "\n" not in str(error.value)
    assert not trace.exists()


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"PK\x03\x04"])
def test_other_files_are_refused(tmp_path, content):
    file = tmp_path / "base_net_1.pth"
    file.write_bytes(content)
    with pytest.raises(UserError, match="is not a PyTorch state dict"):
        from_adld._state_dict(file)
    torch.save([1, 2], file)
    with pytest.raises(UserError, match="is not a PyTorch state dict"):
        from_adld._state_dict(file)
