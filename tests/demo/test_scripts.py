"""The scripts by themselves: links, views and sentences, in an empty page of a browser."""

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from benchmarks.servers import browsing
from expressions.demo.state import OPTIONS_OF_VIEW, VIEWS, State

SCRIPTS = Path(__file__).parents[2] / "expressions" / "demo"
OPENING = {
    "first": asdict(State()),
    "weights": "ab",
    "sliders": ["Smiling", "Young", "Male"],
    "labels": {"Smiling": "Smile", "Young": "Older to younger", "Male": "Masculine", "Bald": "Bald", "<b>": "<b>"},
    "along": {"Smiling": ["Bald"]},
    "views": list(VIEWS),
    "options": OPTIONS_OF_VIEW,
    "seeds": 4294967295,
    "attempts": 8,
}

pytestmark = pytest.mark.slow

Script = Callable[..., Any]


@pytest.fixture(scope="module")
def script() -> Iterator[Script]:
    """Evaluate an expression, in which `links` and `views` are the functions of the scripts, with its arguments."""
    with browsing() as browser:
        page = browser.new_page()
        page.set_content("<!doctype html>")
        for name in ("state.js", "views.js"):
            page.add_script_tag(path=SCRIPTS / name)
        page.evaluate("opening => void (window.links = expressions.links(opening))", OPENING)
        page.evaluate("opening => void (window.views = expressions.views(opening))", OPENING)
        yield lambda expression, *given: page.evaluate(f"given => (({expression}))(...given)", given)


def read(script: Script, query: str, current: State = State()) -> tuple[State, str, str]:  # noqa: B008, it is frozen
    """The state of a link, why it opens no face, and what of it was not read."""
    told = script("(query, state) => links.read(query, state)", query, asdict(current))
    return State(**told["state"]), told["refusal"], told.get("caveat", "")


@pytest.mark.parametrize(
    "state",
    [
        State(7),
        State(0, {"Smiling": 90, "Male": 0}),
        State(4294967295, {"Young": 12.5}, "compare"),
        State(7, {}, "strip", strip="Young"),
        State(7, {"Smiling": 1}, "map", across="Young", down="Smiling"),
        State(7, {}, "morph", to=99),
        State(7, {}, "sheet"),
        State(7, {"Smiling": 90}, attempts=1),
    ],
    ids=lambda state: state.view,
)
def test_a_link_is_the_one_of_the_server_and_brings_its_state_back(script: Script, state: State) -> None:
    link = script("state => links.write(state)", asdict(state))
    assert link == state.link("ab")
    assert read(script, link) == (state, "", "")


def test_what_a_link_names_wrongly_stays_as_it_was_and_values_are_drawn_into_their_range(script: Script) -> None:
    query = "seed=8&Smiling=900&Young=-3&Male=nan&view=x&strip=Bald&to=1e3&__theme=dark"
    state, refusal, caveat = read(script, query, State(7, {"Male": 4}, to=5))
    assert state == State(8, {"Smiling": 100, "Young": 0}, to=5)
    assert refusal == ""
    assert caveat == "Ignored, because there is no such slider or the value is not a number: Masculine."
    assert read(script, "seed=08&seed=9")[0] == State(9)


def test_a_link_without_attempts_has_the_usual_ones_whatever_was_shown_before(script: Script) -> None:
    for query in ("seed=7", "seed=7&attempts=9", "seed=7&attempts=3", "seed=7&attempts=all"):
        assert read(script, query, State(3, attempts=1))[0] == State(7)
    assert read(script, "seed=7&attempts=1")[0] == State(7, attempts=1)


def test_a_link_of_other_weights_says_so(script: Script) -> None:
    assert "other weights" in read(script, "seed=7&weights=0")[2]


@pytest.mark.parametrize(("text", "value"), [("-3", 0), ("900", 100), ("1e1", 10), (".5", 0.5), ("12.344", 12.34)])
def test_a_value_is_drawn_into_its_range_and_rounded(script: Script, text: str, value: float) -> None:
    assert script("text => links.readValue(text)", text) == value


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "1e400", "1_0", "--1", "\u0667"])
def test_a_value_that_is_no_number_is_left_out_of_a_link(script: Script, text: str) -> None:
    assert read(script, f"seed=7&Smiling={text}")[0] == State(7)


def test_a_link_that_is_longer_than_any_of_ours_is_not_read_in_part(script: Script) -> None:
    state, refusal, _ = read(script, f"seed=7&x={'a' * 5000}&Smiling=90")
    assert state == State()
    assert "more than 4000 characters" in refusal


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "1e400", "1e1", "nan", "4294967296", "\u00b2", "9" * 3000])
def test_a_seed_that_is_none_is_left_out_of_a_link(script: Script, text: str) -> None:
    state, refusal, _ = read(script, f"seed={text}", State(7))
    assert state == State(7)
    assert refusal == "A seed is a whole number from 0 to 4294967295."


# Views ---------------------------------------------------------------------------------------------


def stage(script: Script, state: State) -> str:
    """A view of faces whose pictures are numbered and whose every value is 12.6."""
    draw = """state => {
        const values = { Smiling: 12.6, Young: 12.6 };
        const small = views.choices(state).map((_, number) => ({ src: `#${number}`, values }));
        return views.stage(state, { now: "#now", before: "#before", small, morph: { src: "#loop", still: "#still" } });
    }"""
    return script(draw, asdict(state))


@pytest.mark.parametrize(
    ("state", "count"),
    [
        (State(7, {"Smiling": 90}), 1),
        (State(7, {"Smiling": 90}, "compare"), 2),
        (State(7, {"Smiling": 90}, "strip", strip="Young"), 9),
        (State(7, {"Smiling": 90}, "map", across="Young", down="Smiling"), 25),
        (State(7, {"Smiling": 90}, "map", across="Young", down="Young"), 0),
        (State(7, {"Smiling": 90}, "morph", to=8), 1),
        (State(7, {"Smiling": 90}, "sheet"), 24),
    ],
    ids=lambda given: getattr(given, "view", given),
)
def test_a_view_shows_as_many_faces_as_it_promises(script: Script, state: State, count: int) -> None:
    assert stage(script, state).count("<img") == count


def test_a_choice_is_called_by_what_was_asked_and_what_it_shows(script: Script) -> None:
    state = State(7, {"Male": 90}, "map", across="Young", down="Smiling", attempts=1)
    names = re.findall('data-choice="(.*?)" aria-label="(.*?)".*?<span>(.*?)</span>', stage(script, state))
    assert names[0] == ("0", "Take Older to younger 0, Smile 100; measured 13 / 13", "13 / 13")
    assert names[-1][:2] == ("24", "Take Older to younger 100, Smile 0; measured 13 / 13")
    choices = script("state => views.choices(state)", asdict(state))
    assert choices[-1] == asdict(state) | {"targets": {"Male": 90, "Young": 100, "Smiling": 0}}


def test_the_sheet_goes_on_from_the_last_seed_to_the_first(script: Script) -> None:
    state = State(4294967294, {"Smiling": 90}, "sheet", attempts=1)
    assert re.findall(r'aria-label="Open face (\d+)"', stage(script, state))[:4] == [
        "4294967294",
        "4294967295",
        "0",
        "1",
    ]
    assert script("state => views.choices(state)", asdict(state))[2] == asdict(State(0, attempts=1))


def test_a_missed_target_is_named_and_a_met_one_is_not(script: Script) -> None:
    state = asdict(State(7, {"Smiling": 90, "Young": 99.5, "Male": 50}))
    missed = script("(state, values) => views.missed(state, values)", state, {"Smiling": 12.4, "Young": 7, "Male": 53})
    assert missed == [["Smiling", 90, 12.4], ["Young", 99.5, 7]]
    sentence = "Not fully reached: Smile 12 (asked 90), Older to younger 7 (asked 99.5)."
    assert script("missed => views.shortfall(missed)", missed) == sentence
    assert script("() => views.shortfall([])") == script("() => views.reach([])") == ""


def test_the_reach_of_several_attributes_is_one_sentence(script: Script) -> None:
    ends = [["Smiling", 1.0, 80.4], ["Male", 0, 99.6]]
    both = "Each moved on its own, Smile reaches 1 to 80, Masculine reaches 0 to 100 on this face."
    assert script("ends => views.reach(ends)", ends) == both
    assert script("ends => views.reach(ends)", ends[:1]) == "Moved on its own, Smile reaches 1 to 80 on this face."


def test_what_may_go_along_with_a_slider_is_said_beside_its_change_and_names_are_text(script: Script) -> None:
    before, after = {"Male": 30, "Bald": 20, "Smiling": 10, "<b>": 5}, {"Male": 29, "Bald": 70, "Smiling": 90, "<b>": 5}
    table = script("(before, after, asked) => views.changes(before, after, asked)", before, after, {"Smiling": 90})
    rows = re.findall(r"<tr[^>]*><th scope=row>(.*?)</th><td>(\d+)</td><td>(\d+)</td><td>(.*?)</td></tr>", table)
    assert rows == [
        ("Smile", "10", "90", "+80"),
        ("Bald <small>may go along</small>", "20", "70", "+50"),
        ("Masculine", "30", "29", "\N{MINUS SIGN}1"),
        ("&#60;b&#62;", "5", "5", "0"),
    ]
