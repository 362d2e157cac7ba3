"""The sliders of the page, and what they are called."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Control:
    """One slider: CelebA's name of the attribute, what the page calls it, and what the reader should know."""

    attribute: str
    label: str
    info: str


GROUPS: dict[str, tuple[Control, ...]] = {
    "Expression": (
        Control("Smiling", "Smile", "CelebA: Smiling"),
        Control("Mouth_Slightly_Open", "Open mouth", "CelebA: Mouth_Slightly_Open"),
    ),
    "Hair": (
        Control("Black_Hair", "Black hair", "CelebA: Black_Hair"),
        Control("Brown_Hair", "Brown hair", "CelebA: Brown_Hair"),
        Control("Blond_Hair", "Blond hair", "CelebA: Blond_Hair"),
        Control("Bangs", "Fringe", "CelebA: Bangs"),
    ),
    "Person": (
        Control("Male", "Feminine to masculine", "CelebA: Male"),
        Control("Young", "Older to younger", "CelebA: Young"),
        Control("Skin_Tone", "Darker to lighter skin", "Skin_Tone: measured on the cheeks"),
    ),
    "Accessories": (
        Control("Eyeglasses", "Glasses", "CelebA: Eyeglasses"),
        Control("No_Beard", "Bearded to clean-shaven", "CelebA: No_Beard"),
    ),
}
LABELS = {control.attribute: control.label for group in GROUPS.values() for control in group}


def label(attribute: str) -> str:
    """What a reader is shown for an attribute."""
    return LABELS.get(attribute, attribute.replace("_", " "))
