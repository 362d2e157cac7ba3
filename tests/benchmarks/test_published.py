import copy
import json
import math

import pytest

from benchmarks import published, tables
from benchmarks.reports import write_report
from expressions.figures import EMBEDDED_FIGURES


def test_readme_and_docs_show_what_the_benchmarks_measured():
    texts = published.texts(published.checked_reports())
    assert texts == {path: path.read_text() for path in texts}


def test_page_and_model_card_show_what_the_benchmarks_measured():
    reports = published.checked_reports()
    assert published.embedded_figures(reports["quality"], reports["editing"]) == json.loads(
        EMBEDDED_FIGURES.read_text()
    )


@pytest.mark.parametrize(
    ("report", "changed", "message"),
    [
        ("quality", {"evaluator": "another"}, "quality.json was measured with other evaluator"),
        ("limits", {"evaluator": "another"}, "limits.json was measured with other evaluator"),
        ("editing", {"weights": "others"}, "editing.json was measured with other weights"),
    ],
)
def test_figures_of_another_evaluator_or_of_other_weights_are_not_published(monkeypatch, report, changed, message):
    read = published.read_report
    monkeypatch.setattr(published, "read_report", lambda name: read(name) | (changed if name == report else {}))
    with pytest.raises(ValueError, match=message):
        published.checked_reports()


def test_a_table_has_one_place(tmp_path):
    with pytest.raises(ValueError, match="<!-- a --> must be there once, and is 0 times"):
        published.with_tables("no table", tmp_path, {"a": "| new |\n"})
    assert published.with_tables("<!-- a -->\n| old |\n\n", tmp_path, {"a": "| new |\n"}) == "<!-- a -->\n| new |\n\n"


def test_the_strongest_rival_is_the_one_that_leaks_least():
    methods = {name: {"mean_dependency": leak} for name, leak in {"ours": 0.1, "a": 0.3, "b": 0.2}.items()}
    assert published.strongest_rival({"methods": methods}) == {"name": "b", "mean_dependency": 0.2}


def test_the_headline_is_the_mean_over_sliders_and_the_largest_change_of_any():
    row = {"own": 3.0, "mean_absolute_error": 4.0, "within_reach": 0.5, "largest_in": "Chubby"}
    smiling = row | {"others": 0.1, "largest": 0.5, "male_flips": 0.1}
    male = row | {"others": 0.3, "largest": 0.9, "male_flips": 1.0}
    overall = tables.end_to_end({"sliders": {"Smiling": smiling, "Male": male}})
    assert overall == {
        "own": 3,
        "others": pytest.approx(0.2),
        "mean_absolute_error": 4,
        "within_reach": 0.5,
        "male_flips": 0.1,  # a slider of the others
        "largest": 0.9,
        "largest_in": "Chubby by Male",
    }


def test_a_card_tells_how_real_faces_measure():
    reports = copy.deepcopy(published.checked_reports())
    rows = reports["quality"]["rows"]
    rows["weights"] = [{**rows["weights"][0], "fd_random": value} for value in (2.0, 1.0, 3.0)]
    rows["real faces"] = [{**rows["real faces"][0], "fd_random": 0.5}]
    card = published.card_figures(reports["quality"], reports["editing"])
    assert card["fd_random"]["value"] == 2
    assert "median of 2.000, 1.000, 3.000; real faces: 0.500;" in card["fd_random"]["note"]
    assert "real faces: 1 by definition;" in card["novelty"]["note"]  # it is relative to theirs


def test_a_report_is_written_where_no_folder_was_and_tells_nothing_where_nothing_was_measured(tmp_path):
    write_report({"rows": [1.0, math.nan]}, tmp_path / "new" / "report.json")
    assert json.loads((tmp_path / "new" / "report.json").read_text()) == {"rows": [1.0, None]}


def test_networks_from_outside_have_a_table_and_a_place_on_the_card():
    seen = dict.fromkeys(tables.OUTSIDE, 0.5)
    reports = copy.deepcopy(published.checked_reports())
    reports["quality"] |= {
        "outside_fakes": 300,
        "outside": {
            "first": {**seen, "doubted": 0.2},
            "real faces": {**seen, "doubted": 0.02, "copies": 0.0},
            "weights": {**seen, "doubted": 0.03, "copies": math.nan},
        },
    }
    card = published.card_figures(reports["quality"], reports["editing"])
    assert card["doubted"] == {
        "value": 0.03,
        "title": tables.OUTSIDE["doubted"][0],
        "samples": 300,
        "note": "real faces: 0.020; against 3606 held-out faces",
    }
    shown = tables.outside(reports["quality"]["outside"], 300)
    assert shown.startswith("| 300 faces | this generator | first | real faces |\n")
    assert "| 3.0 % | 20.0 % | 2.0 % |\n" in shown
    assert "nearest training face" not in shown  # nobody measured it for all
