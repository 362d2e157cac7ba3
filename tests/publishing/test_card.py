"""The model card, without a Hub."""

import pytest
from huggingface_hub import ModelCard

from expressions import Editor
from expressions.attributes import CELEBA_ATTRIBUTES
from expressions.networks.files import LICENCE_LINK
from expressions.publishing import PublishError
from expressions.publishing.card import model_card

FIGURES = {
    "Mean leak": {"value": 0.125, "unit": "sd", "samples": 2000, "note": "judged by | a second network"},
    "fd_x": {"value": 3, "title": "Frechet distance, features x"},
    "Judge": {"value": "another architecture"},
}


@pytest.fixture(scope="module")
def editor() -> Editor:
    return Editor(["Young", "Smiling"], width=1)


def test_the_front_matter_names_the_licence_the_library_and_the_task(editor: Editor) -> None:
    data = ModelCard(model_card(editor, "alice/faces")).data.to_dict()
    assert data["license"] == "other"
    assert data["license_name"] == "celeba-non-commercial"
    assert data["license_link"] == "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
    assert data["library_name"] == "expressions"
    assert data["pipeline_tag"] == "unconditional-image-generation"
    assert data["datasets"] == ["flwrlabs/celeba"]
    assert {"dcgan", "faces", "pytorch_model_hub_mixin"} <= set(data["tags"])


@pytest.mark.parametrize("figures", [None, {}])
def test_a_card_without_figures_claims_none(editor: Editor, figures: dict[str, object] | None) -> None:
    card = model_card(editor, "alice/faces", figures)
    assert "## Figures" not in card
    assert "model-index" not in card


def test_a_figure_is_a_row_and_a_number_is_a_result_too(editor: Editor) -> None:
    card = ModelCard(model_card(editor, "alice/faces", FIGURES))
    assert "| Mean leak | 0.125 sd | 2000 | judged by \\| a second network |" in card.text
    assert "| Judge | another architecture |  |  |" in card.text
    assert "| Frechet distance, features x | 3 |  |  |" in card.text
    results = card.data.eval_results
    assert [(result.metric_type, result.metric_name, result.metric_value) for result in results] == [
        ("mean_leak", "Mean leak", 0.125),
        ("fd_x", "Frechet distance, features x", 3),
    ]


@pytest.mark.parametrize(
    "figure",
    [
        1,
        {},
        {"valve": 1},
        {"value": 1, "sample": 3},
        *({"value": value} for value in (float("nan"), float("inf"), True, None, [1])),
        {"value": 1, "unit": None},
        {"value": 1, "note": 3},
        {"value": 1, "samples": 0.5},
        {"value": 1, "samples": True},
    ],
)
def test_a_figure_that_cannot_be_printed_is_refused_by_name(editor: Editor, figure: object) -> None:
    with pytest.raises(PublishError, match="figure 'Leak' must have a value, which is a finite number or a text"):
        model_card(editor, "alice/faces", {"Leak": figure})


def test_figures_that_are_no_mapping_are_refused(editor: Editor) -> None:
    with pytest.raises(PublishError, match="figures must be a mapping of names to figures"):
        model_card(editor, "alice/faces", ["Leak"])  # type: ignore[arg-type]


def test_the_card_shows_how_to_load_and_what_not_to_do(editor: Editor) -> None:
    card = model_card(editor, "alice/faces")
    assert 'Editor.from_pretrained("alice/faces")' in card
    assert 'targets={"Smiling": 90.0}' in card
    assert "`Young`, `Smiling`, `Skin_Tone`" in card
    assert LICENCE_LINK in card
    assert {"## Intended use", "## Out of scope", "## Limits and bias"} <= set(card.splitlines())


def test_the_card_of_every_attribute_has_no_gap_in_its_template() -> None:
    card = model_card(Editor(CELEBA_ATTRIBUTES, width=1), "alice/faces", FIGURES)
    assert "{" not in card.replace('{"Smiling": 90.0}', "")
    assert all(f"`{name}`" in card for name in CELEBA_ATTRIBUTES)
