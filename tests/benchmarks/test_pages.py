import json

from benchmarks import pages
from expressions.training.pipeline import STAGES


def cells(table):
    """The rows of a Markdown table, but for its head."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_each_figure_of_the_front_page_stands_beside_its_floor():
    row = {"own": 3.0, "mean_absolute_error": 4.24, "largest_in": "Chubby"}
    smiling = row | {"others": 0.1, "largest": 0.5, "male_flips": 0.062, "within_reach": 0.6}
    male = row | {"others": 0.3, "largest": 0.9, "male_flips": 1.0, "within_reach": 0.4}
    editing = {
        "weights": "these",
        "sliders": {"Smiling": smiling, "Male": male},
        "pictures": {"Smiling": {"same_person": 0.32}},
        "do_nothing": {"mirrored": {"change": 0.15, "male_flips": 0.02}},
    }
    outside = {name: {"probe_accuracy": share} for name, share in (("weights", 0.98), ("real faces", 0.55))}
    broken = {"weights": "these", "faces": 100, "first": 15, "chosen": 3}
    real, besides, shown = cells(pages.headlines({"outside": outside}, editing, broken))
    assert (real[1], real[2].split(":")[0]) == ("98 %", "55 %")
    assert "3 of 100 faces are broken as the page draws them, and 15 of 100 first draws" in real[3]
    assert "3 of 100" not in pages.headlines({"outside": outside}, editing, broken | {"weights": "others"})
    assert (besides[1], besides[2].split(":")[0]) == ("0.20", "0.15")
    assert all(text in besides[3] for text in ("6.2 %", "2.0 %", "`Male` changes `Chubby` by 0.90", "32 %"))
    assert (shown[1], shown[2]) == ("4.2 of 100 points", "0")
    assert all(text in shown[3] for text in ("50 %", "40 % of those of `Male`"))
    chosen = {"outside": outside | {"chosen": {"probe_accuracy": 0.97}}}
    assert cells(pages.headlines(chosen, editing, broken))[0][1] == "97 %"  # what a visitor sees


def test_the_stages_are_those_of_the_pipeline_in_their_order():
    assert [(name, lasts) for name, _, lasts in cells(pages.stages())] == [(one.name, one.lasts) for one in STAGES]


def test_the_figures_of_the_lens_are_those_of_its_recipe():
    figures = json.loads(pages.LENS.read_text())["figures"]
    lens, bicubic = cells(pages.lens())
    assert (float(lens[1]), float(bicubic[1])) == (round(figures["psnr_lens"], 1), round(figures["psnr_bicubic"], 1))
