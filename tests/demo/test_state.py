import pytest
from nuisances import NUISANCES

from expressions.demo.state import State, choose, first_state, parse_link, read_seed, read_value

ATTRIBUTES = ("Smiling", "Young", "Male")


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
def test_a_link_brings_its_state_back(state: State) -> None:
    link = state.link("0123456789ab")
    restored, fields = parse_link(link, ATTRIBUTES, State())
    assert restored == state
    assert fields["weights"] == "0123456789ab"


def test_a_link_names_only_what_its_view_needs() -> None:
    assert State(7, {"Smiling": 90}).link("ab") == "?seed=7&Smiling=90&weights=ab"
    assert State(7, {}, "morph", to=9).link("ab") == "?seed=7&view=morph&to=9&weights=ab"


def test_what_a_link_names_wrongly_stays_as_it_was_and_values_are_drawn_into_their_range() -> None:
    query = "seed=-1&Smiling=900&Young=-3&Male=nan&Bald=50&view=x&strip=Bald&to=1e3&__theme=dark"
    state, _ = parse_link(query, ATTRIBUTES, State(7, {"Male": 4}, to=5))
    assert state == State(7, {"Smiling": 100, "Young": 0}, to=5)


def test_a_link_without_attempts_has_the_usual_ones_whatever_was_shown_before() -> None:
    for query in ("seed=7", "seed=7&attempts=9", "seed=7&attempts=3", "seed=7&attempts=all"):
        assert parse_link(query, ATTRIBUTES, State(3, attempts=1))[0] == State(7)
    assert parse_link("seed=7&attempts=1", ATTRIBUTES, State())[0] == State(7, attempts=1)


@pytest.mark.parametrize(("text", "value"), [("-3", 0), ("900", 100), ("1e1", 10), (".5", 0.5), ("12.344", 12.34)])
def test_a_value_of_a_link_is_drawn_into_its_range_and_rounded(text: str, value: float) -> None:
    assert read_value(text) == value


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "1e400", "1_0", "--1", "\u0667"])
def test_a_value_that_is_no_number_is_left_out_of_a_link(text: str) -> None:
    assert parse_link(f"seed=7&Smiling={text}", ATTRIBUTES, State())[0] == State(7)


def test_a_link_that_is_longer_than_any_of_ours_is_not_read_in_part() -> None:
    assert parse_link(f"seed=7&x={'a' * 5000}&Smiling=90", ATTRIBUTES, State()) == (State(), {})


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "1e400", "1e1", "nan", "4294967296", "\u00b2", "9" * 5000])
def test_a_seed_that_is_none_is_left_out_of_a_link(text: str) -> None:
    assert read_seed(text) is None
    assert parse_link(f"seed={text}", ATTRIBUTES, State(7))[0].seed == 7


@pytest.mark.parametrize("given", [7, 7.0, "7", "007"])
def test_a_seed_may_be_a_number_or_digits(given: object) -> None:
    assert read_seed(given) == 7


@pytest.mark.parametrize("nuisance", NUISANCES, ids=lambda value: repr(value)[:8])
def test_a_nuisance_is_no_seed_no_choice_and_at_most_a_value_of_the_scale(nuisance: object) -> None:
    assert read_seed(nuisance) is None
    assert read_value(nuisance) in (None, 0, 1.5, 100)
    state = State(7)
    assert choose(state, ATTRIBUTES, dict.fromkeys(("view", "strip", "to", "attempts"), nuisance)) == state


def test_the_first_state_keeps_to_the_attributes_at_hand() -> None:
    assert first_state(ATTRIBUTES) == State()
    assert first_state(["Skin_Tone"]) == State(strip="Skin_Tone", across="Skin_Tone", down="Skin_Tone")
