"""Files of a run that are damaged. Expected: the stored value, or one line."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from au_jax.errors import UserError
from au_jax.workdir import metrics_log, start_log, thresholds
from au_jax.workdir.config import read_config, write_config
from au_jax.workdir.json_file import read_json
from configs import joint as joint_config

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    max_leaves=8,
)
LINES = st.lists(JSON.map(json.dumps) | st.text()).map("\n".join).map(str.encode)
CONTENT = st.binary(max_size=200) | JSON.map(json.dumps).map(str.encode) | LINES
PROPERTY = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module", autouse=True)
def _described_once():
    """Describe a start once, because it looks at all packages and asks git."""
    this = start_log.describe_start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(start_log, "describe_start", lambda: this)
        yield


@PROPERTY
@given(content=CONTENT)
def test_any_content_of_any_file_is_a_value_or_one_line(tmp_path, content):
    for name in ("config.json", "thresholds.json", "metrics.jsonl", "starts.jsonl"):
        (tmp_path / name).write_bytes(content)
    for read in (
        lambda: read_config(tmp_path),
        lambda: thresholds.read(tmp_path, (1, 2)),
        lambda: read_json(tmp_path / "config.json", "copy it again"),
    ):
        try:
            read()
        except UserError as error:
            message = str(error)
            assert "is damaged; " in message, message
            assert "\n" not in message, message
    metrics_log.cut_back(tmp_path, {})
    metrics_log.write_best(tmp_path)
    start_log.record(tmp_path, {})


@PROPERTY
@given(
    key=st.sampled_from(["split", "stage", "step", "path", "thresholds"]), value=JSON
)
def test_any_value_in_thresholds_is_read_or_one_line(tmp_path, key, value):
    right = thresholds.Thresholds("val", "joint", 2, "direct", (0.5, 0.25))
    file = thresholds.write(tmp_path, right, (1, 2))
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    try:
        assert thresholds.read(tmp_path, (1, 2)) is not None
    except UserError as error:
        message = str(error)
        assert message.startswith(f"{file} is damaged; delete"), message


@pytest.mark.parametrize("key", ["stages", "data", "model", "loss"])
def test_config_with_a_value_of_another_kind_is_one_line(tmp_path, key):
    write_config(tmp_path, joint_config.get_config("tiny"))
    file = tmp_path / "config.json"
    for value in (None, 3, "x"):
        file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
        with pytest.raises(UserError, match=r"config\.json is damaged; copy it again"):
            read_config(tmp_path)
