"""Two processes on the CPU, started by torchrun."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from expressions.attributes import CELEBA_ATTRIBUTES
from expressions.networks.classifier import AttributeClassifier, save_classifier
from expressions.networks.generator import load_generator
from expressions.training.config import TrainConfig
from expressions.training.distributed import any_process, average_, gather, process_count, process_rank
from expressions.training.loop import Training
from expressions.training.run_folder import CHECKPOINT, GENERATOR, STATS

ROOT = Path(__file__).parents[2]

PROCESS = """
import sys
from pathlib import Path
import torch
from toy_trainings import TWO_STEPS, toy_images
from dataclasses import replace
from expressions.training import metrics
from expressions.training.adversaries import JointAdversary
from expressions.training.distributed import any_process, average_, leave_processes, process_rank
from expressions.training.loop import Training

torch.set_num_threads(1)
shares = []  # images that are seen at once: real ones, then generated ones
see = JointAdversary.see

def counted(adversary, images):
    shares.append(len(images))
    return see(adversary, images)

JointAdversary.see = counted
metrics.Probe.COUNT = 16
folder, kimg, resume = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "resume"
config = replace(TWO_STEPS, out=str(folder / "run"), kimg=kimg, tick_kimg=0.008, batch_size=8, resume=resume)
training = Training(replace(config, classifiers=str(folder / "classifier.safetensors")))
training.run(toy_images())
state, rank = training.state, process_rank()
mine = torch.tensor([float(rank + 1)])
average_([mine])
torch.save({
    "weights": [value for _, part in sorted(state.parts().items()) if isinstance(part, torch.nn.Module)
                for value in part.state_dict().values()],
    "latents": torch.rand(4, 100, generator=state.random),
    "mean": mine.item(),
    "any": [any_process(rank == 1), any_process(False)],
    "shares": shares,
    "penalised": state.adversary.parts[0].penalty_batch,
}, folder / f"rank{rank}.pt")
leave_processes()
"""


def launch(folder, kimg, resume=False, processes=2):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    torch.manual_seed(0)
    save_classifier(AttributeClassifier(40), CELEBA_ATTRIBUTES, folder / "classifier.safetensors")
    script = folder / "process.py"
    script.write_text(f"import sys; sys.path[:0] = {[str(ROOT), str(ROOT / 'tests')]}\n" + PROCESS)
    arguments = [str(script), str(folder), str(kimg), "resume" if resume else "start"]
    return subprocess.run([*command, *arguments], cwd=folder, check=False, capture_output=True, text=True, timeout=240)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    done = launch(folder, kimg=0.016)
    assert done.returncode == 0, done.stderr
    return folder, [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.slow
def test_both_learn_the_same_from_shares_of_every_batch(trained):
    one, other = trained[1]
    assert len(one["weights"]) > 100
    assert all(torch.equal(a, b) for a, b in zip(one["weights"], other["weights"], strict=True))
    assert not torch.equal(one["latents"], other["latents"])
    assert one["shares"] == other["shares"] == [2, 2] * 2  # plain faces; as many edits are seen by none
    assert one["penalised"] == other["penalised"] == 1


@pytest.mark.slow
def test_values_are_averaged_over_both(trained):
    assert [result["mean"] for result in trained[1]] == [1.5, 1.5]
    assert [result["any"] for result in trained[1]] == [[True, False]] * 2


@pytest.mark.slow
def test_only_the_first_writes(trained):
    run = trained[0] / "run"
    assert [json.loads(line)["step"] for line in (run / STATS).read_text().splitlines()] == [1, 2]
    assert torch.load(run / CHECKPOINT, weights_only=True)["step"] == 2
    assert not list(run.glob("*.tmp"))
    load_generator(run / GENERATOR)


@pytest.mark.slow
def test_both_resume_where_they_stopped(trained, tmp_path):
    assert launch(tmp_path, kimg=0.008).returncode == 0
    done = launch(tmp_path, kimg=0.016, resume=True)
    assert done.returncode == 0, done.stderr
    for rank, whole in enumerate(trained[1]):
        resumed = torch.load(tmp_path / f"rank{rank}.pt", weights_only=True)
        assert all(torch.equal(a, b) for a, b in zip(resumed["weights"], whole["weights"], strict=True))
        assert torch.equal(resumed["latents"], whole["latents"])


@pytest.mark.slow
def test_another_number_of_processes_is_refused(trained):
    done = launch(trained[0], kimg=0.024, resume=True, processes=1)
    assert done.returncode != 0
    assert "it is one of 2 processes, not of 1" in done.stderr


def test_alone_nothing_is_exchanged():
    tensor = torch.tensor([3.0])
    average_([tensor])
    assert tensor.item() == 3
    assert gather(tensor)[0] is tensor
    assert (process_count(), process_rank(), any_process(True), any_process(False)) == (1, 0, True, False)


def test_a_batch_that_cannot_be_shared_is_refused_before_the_processes_meet(monkeypatch, tmp_path):
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(ValueError, match="batch_size must be a multiple of 3 for 3 processes, got 32"):
        Training(TrainConfig(out=str(tmp_path), device="cpu"))
