import copy
import json
import math

import pytest

from benchmarks import published, tables
from benchmarks.reports import write_report
from expressions.figures import EMBEDDED_FIGURES


def test_the_readmes_show_what_the_benchmarks_measured():
    texts = published.readmes(published.checked_reports())
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
        ("comparison", {"evaluator": "another"}, "comparison.json was measured with other evaluator"),
        ("course_cuda", {"evaluator": "another"}, "course_cuda.json was measured with other evaluator"),
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


def test_the_strongest_rival_is_the_one_that_leaks_least_on_this_generator():
    leaks = {"ours": 0.1, "a": 0.1, "a on our generator": 0.3, "b on our generator": 0.2}
    methods = {name: {"mean_dependency": leak} for name, leak in leaks.items()}
    assert published.strongest_rival({"methods": methods}) == {"name": "b", "mean_dependency": 0.2}


def test_a_card_tells_how_real_faces_measure():
    reports = copy.deepcopy(published.checked_reports())
    rows = reports["quality"]["rows"]
    rows["weights"] = [{**rows["weights"][0], "fd_random": value} for value in (2.0, 1.0, 3.0)]
    rows["real faces"] = [{**rows["real faces"][0], "fd_random": 0.5}]
    card = published.card_figures(reports["quality"], reports["editing"])
    assert card["fd_random"]["value"] == 2
    assert "median of 2.000, 1.000, 3.000; real faces: 0.500;" in card["fd_random"]["note"]
    assert "real faces: 1 by definition;" in card["novelty"]["note"]  # it is relative to theirs


def test_the_last_point_of_a_course_is_compared_with_the_best():
    sets = [[{"fd_attributes": attributes, "fd_random": 4.0}] for attributes in (3.0, 6.0)]
    rows = {"ours": [{"kimg": kimg, "sets": one} for kimg, one in zip((1.0, 2.0), sets, strict=True)]}
    assert tables.course({"rows": rows}).splitlines()[2:] == [
        "| 1,000 | 3.00 / 4.00 |",
        "| 2,000 | 6.00 / 4.00 |",
        "| the last through the best | 2.00 / 1.00 |",
    ]


def test_a_report_is_written_where_no_folder_was_and_tells_nothing_where_nothing_was_measured(tmp_path):
    write_report({"rows": [1.0, math.nan]}, tmp_path / "new" / "report.json")
    assert json.loads((tmp_path / "new" / "report.json").read_text()) == {"rows": [1.0, None]}
