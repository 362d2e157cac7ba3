from expressions.attributes import SLIDERS
from expressions.regions import region

LOCAL = ("Smiling", "Mouth_Slightly_Open", "Bangs", "Eyeglasses", "No_Beard")  # what lives in one part of a face
EYES, MOUTH, GROUND = (32, 24), (48, 32), (4, 4)


def test_a_region_holds_what_it_is_named_after_and_not_the_ground():
    for name, inside, outside in (("Smiling", MOUTH, GROUND), ("Eyeglasses", EYES, MOUTH), ("No_Beard", MOUTH, EYES)):
        assert region(name)[inside] == 1
        assert region(name)[outside] == 0


def test_hair_changes_round_the_face_and_leaves_the_skin():
    assert region("Blond_Hair")[GROUND] == 1
    assert region("Blond_Hair")[MOUTH] == 0


def test_what_shows_everywhere_has_no_border():
    assert (region("Male") == 1).all()


def test_every_region_lies_within_the_picture_and_ends_softly():
    for name in SLIDERS:
        mask = region(name)
        assert mask.shape == (64, 64)
        assert mask.min() >= 0
        assert mask.max() <= 1
    assert all(((region(name) > 0) & (region(name) < 1)).any() for name in LOCAL)
