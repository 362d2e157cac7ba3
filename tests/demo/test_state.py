from dataclasses import asdict

import pytest
from nuisances import NUISANCES

from expressions.demo.state import State, first_state, read_seed, read_state, read_value

ATTRIBUTES = ("Smiling", "Young", "Male")


def test_a_link_names_only_what_its_view_needs() -> None:
    assert State(7, {"Smiling": 90}).link("ab") == "?seed=7&Smiling=90&weights=ab"
    assert State(7, {}, "morph", to=9).link("ab") == "?seed=7&view=morph&to=9&weights=ab"


def test_a_face_comes_back_from_the_json_of_its_state() -> None:
    state = State(4294967295, {"Smiling": 90, "Male": 12.5}, to=99, attempts=1)
    assert read_state(asdict(state), ATTRIBUTES) == state


def test_what_is_no_face_is_left_out_and_values_are_drawn_into_their_range() -> None:
    given = {"seed": -1, "targets": {"Smiling": 900, "Young": -3, "Male": "9", "Bald": 50}, "to": 5.0, "attempts": 3}
    assert read_state(given, ATTRIBUTES) == State(targets={"Smiling": 100, "Young": 0}, to=5)


@pytest.mark.parametrize("nuisance", NUISANCES, ids=lambda value: repr(value)[:8])
def test_a_nuisance_is_no_seed_and_at_most_a_value_of_the_scale(nuisance: object) -> None:
    assert read_seed(nuisance) is None
    assert read_value(nuisance) in (None, 0, 1.5, 100)
    given = dict.fromkeys(("seed", "targets", "to", "attempts"), nuisance)
    assert read_state(given, ATTRIBUTES) == read_state(nuisance, ATTRIBUTES) == State()


def test_the_first_state_keeps_to_the_attributes_at_hand() -> None:
    assert first_state(ATTRIBUTES) == State()
    assert first_state(["Skin_Tone"]) == State(strip="Skin_Tone", across="Skin_Tone", down="Skin_Tone")
