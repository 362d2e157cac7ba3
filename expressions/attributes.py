"""What a face is described by: CelebA's attributes, skin tone, and which of them belong together."""

from collections.abc import Iterable

HUB_DATASET = "flwrlabs/celeba"  # CelebA on the Hub

# The 40 attributes of CelebA (Liu et al. 2015), in its own order and spelling.
CELEBA_ATTRIBUTES = (
    "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose "
    "Black_Hair Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee "
    "Gray_Hair Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard "
    "Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair "
    "Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace Wearing_Necktie Young"
).split()
SKIN_TONE = "Skin_Tone"  # measured from the pixels: no label of CelebA

# What a generator of this kind can be taught to change by itself, and a page offers. docs/design.md says which others
# could not, and why.
SLIDERS = (
    "Smiling Mouth_Slightly_Open Black_Hair Brown_Hair Blond_Hair Bangs Male Young Skin_Tone Eyeglasses No_Beard"
).split()


def missing_sliders(attributes: Iterable[str]) -> list[str]:
    """The `SLIDERS` that an editor of these attributes lacks. It measures skin tone in any case."""
    return [name for name in SLIDERS if name not in {*attributes, SKIN_TONE}]


# Who somebody is: what an edit of anything else must least of all change.
IDENTIFYING = ("Male", "Young", SKIN_TONE)
_HAIR_COLOURS = frozenset({"Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair"})
_BEARDS = frozenset({"5_o_Clock_Shadow", "Goatee", "Mustache", "No_Beard", "Sideburns"})
_ADORNMENTS = frozenset(
    {"Heavy_Makeup", "Rosy_Cheeks", "Wearing_Earrings", "Wearing_Lipstick", "Wearing_Necklace", "Wearing_Necktie"}
)
_FRAMED = frozenset({"Arched_Eyebrows", "Bags_Under_Eyes", "Bushy_Eyebrows", "Narrow_Eyes"})

# What may change together with an attribute, by the meaning of the words: an edit of the one does not hold the others.
COUPLED: dict[str, frozenset[str]] = {
    "Smiling": frozenset({"High_Cheekbones", "Mouth_Slightly_Open", "Narrow_Eyes", "Rosy_Cheeks"}),
    "High_Cheekbones": frozenset({"Smiling", "Rosy_Cheeks"}),
    "Mouth_Slightly_Open": frozenset({"High_Cheekbones", "Big_Lips"}),
    **{colour: _HAIR_COLOURS - {colour} for colour in _HAIR_COLOURS},
    **{beard: _BEARDS - {beard} for beard in _BEARDS},
    "Male": _BEARDS | _ADORNMENTS | {"Arched_Eyebrows", "Bushy_Eyebrows"},
    "Young": frozenset({"Attractive", "Bags_Under_Eyes", "Gray_Hair", "Receding_Hairline"}),
    "Heavy_Makeup": frozenset({"Arched_Eyebrows", "Attractive", "Rosy_Cheeks", "Wearing_Lipstick"}),
    "Wearing_Lipstick": frozenset({"Big_Lips", "Heavy_Makeup"}),
    SKIN_TONE: frozenset({"Pale_Skin"}),
    "Pale_Skin": frozenset({SKIN_TONE}),
    "Eyeglasses": _FRAMED,
    "Bangs": frozenset({"Receding_Hairline"}),
    "Receding_Hairline": frozenset({"Bald", "Bangs"}),
    "Bald": frozenset({"Receding_Hairline"}),
    "Straight_Hair": frozenset({"Wavy_Hair"}),
    "Wavy_Hair": frozenset({"Straight_Hair"}),
    "Chubby": frozenset({"Double_Chin"}),
    "Double_Chin": frozenset({"Chubby"}),
}


def free_to_change(names: Iterable[str]) -> set[str]:
    """What an edit of these attributes does not hold: they, and what may change together with them."""
    named = set(names)
    return named.union(*(COUPLED.get(name, ()) for name in named))
