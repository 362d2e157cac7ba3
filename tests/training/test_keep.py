import json

import pytest
import torch

from expressions.attributes import CELEBA_ATTRIBUTES
from expressions.networks.classifier import AttributeClassifier, load_classifier, save_classifier
from expressions.networks.files import save_network
from expressions.networks.lens import Lens, load_lens
from expressions.training.classifier_fit import ClassifierConfig
from expressions.training.fits import prepare
from expressions.training.keep import KeepConfig, run_keep
from expressions.training.lens_fit import LensConfig


def test_a_kept_classifier_is_its_run_s_in_half_precision_with_its_recipe(tmp_path):
    run, data = tmp_path / "runs/teacher1", tmp_path / "celeba"
    data.mkdir()
    prepare(ClassifierConfig(data=str(data), seed=1, device="cpu"), str(run))
    classifier = AttributeClassifier(40)
    save_classifier(classifier, CELEBA_ATTRIBUTES, run / "classifier.safetensors")
    with pytest.raises(ValueError, match="teacher1 holds no finished fit"):
        run_keep(KeepConfig(run=str(run), out=str(tmp_path / "weights")))
    (run / "accuracy.json").write_text('{"mean": 0.9}')
    run_keep(KeepConfig(run=str(run), out=str(tmp_path / "weights")))
    kept = tmp_path / "weights/teacher1"
    state, (loaded, attributes) = classifier.state_dict(), load_classifier(kept / "classifier.safetensors")
    assert list(attributes) == list(CELEBA_ATTRIBUTES)
    for name, tensor in loaded.state_dict().items():
        torch.testing.assert_close(tensor, state[name], rtol=1e-3, atol=1e-6)
    assert (kept / "classifier.safetensors").stat().st_size < 0.6 * (run / "classifier.safetensors").stat().st_size
    recipe = json.loads((kept / "recipe.json").read_text())
    assert recipe["figures"] == {"mean": 0.9}
    assert (recipe["options"]["data"], recipe["options"]["seed"]) == ("celeba", 1)


def test_a_kept_lens_tells_its_generators_by_name(tmp_path):
    run = tmp_path / "lens"
    generators = [tmp_path / f"{name}.safetensors" for name in ("first", "second")]
    for path in generators:
        path.touch()
    prepare(LensConfig(data="owner/faces", generator=",".join(map(str, generators)), device="cpu"), str(run))
    save_network(Lens(), run / "lens.safetensors")
    (run / "distances.json").write_text('{"psnr_lens": 27.0}')
    run_keep(KeepConfig(run=str(run), out=str(tmp_path / "weights")))
    assert load_lens(tmp_path / "weights/lens/lens.safetensors")
    recipe = json.loads((tmp_path / "weights/lens/recipe.json").read_text())
    assert recipe["options"]["generator"] == "first.safetensors,second.safetensors"
    assert recipe["options"]["data"] == "owner/faces"
    assert recipe["figures"] == {"psnr_lens": 27.0}
