"""The sliders of the page, and what a reader is shown for an attribute."""

from ..attributes import SKIN_TONE

GROUPS = {
    "Expression": {"Smiling": "Smile", "Mouth_Slightly_Open": "Open mouth"},
    "Hair": {"Black_Hair": "Black hair", "Brown_Hair": "Brown hair", "Blond_Hair": "Blond hair", "Bangs": "Fringe"},
    "Person": {"Male": "Feminine to masculine", "Young": "Older to younger", SKIN_TONE: "Darker to lighter skin"},
    "Accessories": {"Eyeglasses": "Glasses", "No_Beard": "Bearded to clean-shaven"},
}
LABELS = {name: label for group in GROUPS.values() for name, label in group.items()}


def label(attribute: str) -> str:
    """Name an attribute for a reader; one without a slider keeps CelebA's name."""
    return LABELS.get(attribute, attribute.replace("_", " "))


def source(attribute: str) -> str:
    """Say what an attribute is measured by."""
    return f"{attribute}: measured on the cheeks" if attribute == SKIN_TONE else f"CelebA: {attribute}"
