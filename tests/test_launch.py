"""launch/ without Slurm or Kubernetes: run what they would start."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys

import pytest
import yaml

from au_jax.workdir import metrics_log
from tests.programs import ROOT, finish
from tests.synthetic import write_prepared
from tests.training.test_killed import wait_for

LAUNCH = ROOT / "launch"
TINY = ("--config=configs/landmarks.py:tiny", "--config.log_every=1")

# Slurm's part, with both processes on this machine, as observed with Slurm 22.05.
STAND_INS = {
    "srun": """
while [[ "$1" == --* ]]; do echo "srun $1"; shift; done
export SLURM_NTASKS=2 SLURM_STEP_NUM_TASKS=2 SLURM_STEP_NODELIST=localhost
for task in 0 1; do
    SLURM_PROCID=$task SLURM_LOCALID=$task "$@" &
    echo $! >>"$PIDS"
    tasks+=($!)
done
trap 'kill -KILL "${tasks[@]}"' TERM
code=0
for task in "${tasks[@]}"; do wait "$task" || code=$?; done
exit $code
""",
    "scancel": """
[ "$*" = "--signal=TERM $SLURM_JOB_ID" ] && kill -TERM $(cat "$PIDS")
""",
    "scontrol": """
echo "scontrol $*"
""",
}


@pytest.fixture
def data(tmp_path):
    for name in ("bp4d", "emotionet"):
        write_prepared(tmp_path / "data", name, {"train": 80, "val": 8, "test": 8})
    return str(tmp_path / "data")


@pytest.mark.parametrize("name", sorted(p.name for p in LAUNCH.glob("*.s*")))
def test_bash_can_read_it(name):
    subprocess.run(["bash", "-n", LAUNCH / name], check=True)


def test_the_scripts_that_are_called_by_their_path_can_be():
    scripts = {file for file in LAUNCH.glob("*.sh") if file.name != "environment.sh"}
    assert {file for file in scripts if not os.access(file, os.X_OK)} == set()


@pytest.mark.parametrize(
    ("visible", "code", "expected"),
    [
        (None, 0, ["GPU 0", "GPU 1"]),
        ("6,7", 0, ["GPU 6", "GPU 7"]),
        ("", 0, ["GPU ", "GPU "]),  # somebody wants the CPU
        ("-1", 0, ["GPU -1", "GPU -1"]),
        ("3", 2, ["error: N is 2, but the number of GPUs is 1"]),
    ],
)
def test_local_processes_take_the_gpus_that_were_chosen(
    tmp_path, visible, code, expected
):
    (tmp_path / "nvidia-smi").write_text(
        '#!/bin/sh\nfor i in 0 1 2; do echo "GPU $i: NVIDIA H100 (UUID: x)"; done\n'
    )
    (tmp_path / "python").write_text('#!/bin/sh\necho "GPU $CUDA_VISIBLE_DEVICES"\n')
    for name in ("nvidia-smi", "python"):
        (tmp_path / name).chmod(stat.S_IRWXU)
    env = os.environ | {
        "PATH": os.pathsep.join([str(tmp_path), os.environ["PATH"]]),
        "PORT": "1",
    }
    env.pop("CUDA_VISIBLE_DEVICES", None)
    run = subprocess.run(
        ["bash", LAUNCH / "local.sh", "2"],
        env=env if visible is None else env | {"CUDA_VISIBLE_DEVICES": visible},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert run.returncode == code, run.stdout
    assert sorted(run.stdout.splitlines()) == expected


def test_an_environment_whose_first_start_was_cut_short_gets_its_pip(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True
    )
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "lock.txt").touch()
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$@" >calls\n')
    python.chmod(stat.S_IRWXU)
    subprocess.run(
        ["bash", "-c", f"source '{LAUNCH}/environment.sh'; use_environment lock.txt"],
        cwd=tmp_path,
        env=os.environ | {"PYTHON": str(python)},
        check=False,
        capture_output=True,
    )
    called = (tmp_path / "calls").read_text()
    assert called == "-m pip --python .venv/bin/python install --quiet pip\n"


def test_a_wrong_folder_ends_the_release_script_before_anything_is_installed(tmp_path):
    ended = subprocess.run(
        ["bash", LAUNCH / "release_model.sh", "absent/studio", ".", "."],
        cwd=tmp_path,
        env=os.environ | {"PYTHON": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "absent/studio" in ended.stderr
    assert "error:" not in ended.stderr


def test_a_misspelt_flag_does_not_upgrade_the_locks(tmp_path):
    (tmp_path / "launch").mkdir()
    (tmp_path / "launch" / "lock.sh").write_text((LAUNCH / "lock.sh").read_text())
    uv = tmp_path / "uv"
    uv.write_text(f"#!/bin/sh\necho called >>'{tmp_path}/calls'\n")
    uv.chmod(stat.S_IRWXU)
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    ended = subprocess.run(
        ["bash", tmp_path / "launch" / "lock.sh", "--help"],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "launch/lock.sh --upgrade" in ended.stderr
    assert not (tmp_path / "calls").exists()


def start_batch_script(folder, *arguments):
    """Start launch/train.slurm as a job's shell does, with two processes."""
    for name, text in STAND_INS.items():
        (folder / name).write_text(f"#!/usr/bin/env bash\n{text}")
        (folder / name).chmod(stat.S_IRWXU)
    (folder / "pids").write_text("")
    python = os.path.dirname(sys.executable)
    job = str(free_port() - 61440)  # JAX derives the port from it
    return subprocess.Popen(
        ["bash", LAUNCH / "train.slurm", *arguments],
        cwd=ROOT,
        env=os.environ
        | {
            "PATH": os.pathsep.join([str(folder), python, os.environ["PATH"]]),
            "SLURM_JOB_ID": job,
            "PIDS": str(folder / "pids"),
            "JAX_NUM_CPU_DEVICES": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def free_port():
    """Return a free port among the 2^12 that JAX can choose on Slurm."""
    for port in range(61440, 65536):
        with socket.socket() as tried:
            try:
                tried.bind(("", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


@pytest.mark.slow
def test_a_slurm_job_is_queued_again_before_its_time_is_over(data, tmp_path):
    workdir = tmp_path / "run"
    flags = (
        *TINY,
        f"--workdir={workdir}",
        f"--config.data.data_dir={data}",
        "--config.max_steps_per_epoch=20",
        "--config.checkpoint_every=3",
    )
    run = start_batch_script(tmp_path, *flags)
    wait_for(workdir / "landmarks" / "3", run)
    os.kill(run.pid, signal.SIGUSR2)  # only to the script
    output, _ = run.communicate(timeout=200)
    assert run.returncode == 143, output
    assert "srun --kill-on-bad-exit=1" in output
    assert "devices: 2 x cpu" in output
    assert "wrote a checkpoint after step" in output
    assert re.search(r"scontrol requeue \d+$", output.rstrip())

    output = finish(start_batch_script(tmp_path, *flags))
    assert "of 20 steps" in output
    assert "20/20" in output
    assert "requeue" not in output


def jobset():
    """Return the file's document, and its job, pod and container."""
    document = yaml.safe_load((LAUNCH / "jobset.yaml").read_text())
    (replicated,) = document["spec"]["replicatedJobs"]
    job = replicated["template"]["spec"]
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    return document, replicated, job, pod, container


def flag(container, name):
    (value,) = (x for x in container["command"] if x.startswith(f"--{name}="))
    return value.split("=", 1)[1]


def test_related_fields_of_the_jobset_agree():
    document, replicated, job, _, container = jobset()
    assert document["apiVersion"] == "jobset.x-k8s.io/v1alpha2"
    assert document["kind"] == "JobSet"
    count = int(flag(container, "process_count"))
    assert job["parallelism"] == job["completions"] == count
    assert job["completionMode"] == "Indexed"
    name = document["metadata"]["name"]
    host, port = flag(container, "coordinator").split(":")
    assert host == f"{name}-{replicated['name']}-0-0.{name}"
    assert 1024 <= int(port) < 65536
    assert document["spec"]["network"]["enableDNSHostnames"]
    assert replicated["replicas"] == 1


def test_a_failed_pod_restarts_all_unless_the_user_made_a_mistake():
    document, _, job, pod, container = jobset()
    assert pod["restartPolicy"] == "Never"
    assert job["backoffLimit"] == 0
    assert document["spec"]["failurePolicy"]["maxRestarts"] > 0
    (rule,) = job["podFailurePolicy"]["rules"]
    assert rule["action"] == "FailJob"
    assert rule["onExitCodes"]["values"] == [2]
    assert rule["onExitCodes"]["containerName"] == container["name"]
    (rule,) = document["spec"]["failurePolicy"]["rules"]
    assert rule["action"] == "FailJobSet"
    assert rule["onJobFailureReasons"] == ["PodFailurePolicy"]
    assert pod["terminationGracePeriodSeconds"] > 30  # Kubernetes' own
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


@pytest.mark.slow
def test_the_command_of_the_pods_trains(data, tmp_path):
    _, _, job, _, container = jobset()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    workdir = tmp_path / "run"
    changed = {
        "--coordinator": f"--coordinator={host}",
        "--workdir": f"--workdir={workdir}",
        "--config.data.data_dir": f"--config.data.data_dir={data}",
        "--config": f"--config={ROOT}/configs/landmarks.py:tiny",
    }
    command = [changed.get(x.split("=")[0]) or x for x in container["command"]]
    assert command[0] == "python"
    pods = [
        subprocess.Popen(
            [
                sys.executable,
                *(
                    x.replace("$(JOB_COMPLETION_INDEX)", str(index))
                    for x in command[1:]
                ),
            ],
            cwd=ROOT,
            env=os.environ | {"JAX_NUM_CPU_DEVICES": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for index in range(job["completions"])
    ]
    output = [finish(pod) for pod in pods]
    assert "devices: 2 x cpu" in output[0]
    assert {line["stage"] for line in metrics_log.read_metrics(workdir)} == {
        "landmarks"
    }


def test_a_comparison_is_an_array_per_level_each_after_the_one_before(tmp_path):
    """Expected: the tasks that `au-jax compare --list` counts; sbatch is a stand-in."""
    sbatch = tmp_path / "sbatch"
    sbatch.write_text(
        f'#!/usr/bin/env bash\necho "$@" >>{tmp_path}/calls\n'
        f"wc -l <{tmp_path}/calls | tr -d ' '\n"
    )
    sbatch.chmod(stat.S_IRWXU)
    flags = (
        *("--config=compare:tiny", f"--workdir={tmp_path}/runs"),
        *("--config.methods=adda,dann,a", "--config.seeds=0,1"),
    )
    path = [str(tmp_path), os.path.dirname(sys.executable), os.environ["PATH"]]
    found = subprocess.run(
        ["bash", LAUNCH / "compare.sh", *flags],
        cwd=ROOT,
        env=os.environ | {"PATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        check=True,
    )
    first, second, third = (tmp_path / "calls").read_text().splitlines()
    assert "--array=0-3 " in first  # stage 1 and model A, each with two seeds
    assert "--dependency" not in first
    assert "--array=0-3 --dependency=afterany:1 " in second
    assert second.endswith("--level=1")
    assert "--array=0-1 --dependency=afterany:2 " in third
    assert f"then: python -m au_jax.compare {' '.join(flags)}" in found.stdout


def test_the_levels_of_the_comparisons_jobset_are_those_of_its_config():
    from au_jax.comparison import plan
    from configs import compare

    document = yaml.safe_load((LAUNCH / "compare.yaml").read_text())
    jobs = document["spec"]["replicatedJobs"]
    runs = plan.runs(compare.get_config(), ROOT / "runs")
    assert len(jobs) == max(run.level for run in runs) + 1
    for level, job in enumerate(jobs):
        spec = job["template"]["spec"]
        (container,) = spec["template"]["spec"]["containers"]
        assert f"--level={level}" in container["args"]
        assert spec["completions"] == sum(run.level == level for run in runs)
        before = [{"name": f"level-{level - 1}", "status": "Complete"}]
        assert job.get("dependsOn", []) == (before if level else [])
