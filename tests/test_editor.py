import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from expressions import Editor, WeightsError
from expressions.attributes import IDENTIFYING, SLIDERS
from expressions.latents import to_normal, to_uniform
from expressions.solver import MAX_STEPS, damped_solve

ENDS = ((-1, 0), (1, 100))  # of the scale, and the side on which values lie beyond

# Latents ---------------------------------------------------------------------------------------------


def test_latents_of_a_seed_never_change(editor):
    # PCG64(7)'s raw stream, top 23 bits as odd multiples of 2^-23: fixed for all platforms and releases.
    expected = [(2 * (int(raw) >> 41) + 1 - 2**23) / 2**23 for raw in np.random.PCG64(7).random_raw(100)]
    assert editor.latents([7])[0].tolist() == expected
    assert editor.latents(7)[0, :3].tolist() == pytest.approx([0.25019, 0.79443, 0.55137], abs=1e-4)


def test_latents_do_not_depend_on_the_batch(editor):
    assert torch.equal(editor.latents([7, 8, 9])[1:2], editor.latents([8]))


def test_latents_are_uniform_inside_the_open_interval(editor):
    z = editor.latents(range(2000))
    assert z.dtype == torch.float32
    assert z.abs().max() < 1
    assert z.mean().abs() < 0.01
    assert z.var().item() == pytest.approx(1 / 3, rel=0.02)


def test_no_seeds_give_no_latents(editor):
    assert editor.latents([]).shape == (0, 100)
    assert editor.synthesize(editor.latents([])).shape == (0, 3, 64, 64)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "7", None, True, float("nan")])
def test_a_seed_that_is_no_seed_is_refused(editor, seed):
    with pytest.raises(ValueError, match="seed must be a whole number from 0 to 4294967295, got"):
        editor.latents([seed])


def test_the_first_and_the_last_seed_work(editor):
    assert editor.latents([0, 2**32 - 1]).shape == (2, 100)


def test_normal_and_uniform_latents_are_inverse_to_each_other(editor):
    z = editor.latents(range(100))
    assert torch.allclose(to_uniform(to_normal(z)), z, atol=1e-6)
    assert to_normal(torch.tensor([[-1.0, 0.0, 1.0]])).isfinite().all()
    assert to_uniform(torch.tensor([[-50.0, 50.0]])).abs().max() < 1


# Pictures --------------------------------------------------------------------------------------------


def test_a_face_is_the_same_alone_and_in_a_batch(editor):
    alone = editor.synthesize(editor.latents([8]))[0]
    batch = editor.synthesize(editor.latents(range(20)))[8]
    assert (alone - batch).abs().max() < 1 / 127.5


def test_a_face_is_the_same_in_a_new_process(editor):
    code = (
        "import sys; from expressions import Editor\n"
        "sys.stdout.buffer.write(Editor.from_pretrained().render(7).tobytes())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    mine = np.asarray(editor.render(7))
    assert np.abs(mine.astype(int) - np.frombuffer(other, np.uint8).reshape(64, 64, 3)).max() <= 1


def test_different_seeds_give_different_faces(editor):
    images = editor.synthesize(editor.latents(range(8))).flatten(1)
    distances = torch.cdist(images, images) + 1e9 * torch.eye(8)
    assert distances.min() > 5


def test_a_rendered_picture_is_rgb_in_the_size_asked_for(editor):
    picture = editor.render(7, {"Smiling": 90.0})
    assert (picture.mode, picture.size) == ("RGB", (64, 64))
    assert editor.render(7, size=512).size == (512, 512)


# Values ----------------------------------------------------------------------------------------------


def test_values_run_from_0_to_100_over_random_faces(editor):
    values = editor.measure(editor.synthesize(editor.latents(range(10_000, 11_000))))
    assert values.shape == (1000, len(editor.attributes))
    for end in (0, 100):
        beyond = (values == end).float().mean(0)
        assert (beyond > 0).all()
        assert (beyond < 0.04).all()


def test_the_sliders_attributes_are_there(editor):
    assert set(SLIDERS) <= set(editor.attributes)
    assert len(editor.attributes) == 41


def test_lighter_pixels_have_more_skin_tone(editor):
    images = editor.synthesize(editor.latents([1, 2, 3]))
    column = editor.attributes.index("Skin_Tone")
    lighter = (images * 0.9 + 0.1).clamp(-1, 1)
    assert (editor.scores(lighter)[:, column] > editor.scores(images)[:, column]).all()


# Edits -----------------------------------------------------------------------------------------------


def test_smiling_leaves_gender_age_and_skin_alone(editor):
    z = editor.latents(range(24))
    before, *after = (
        editor.measure(editor.synthesize(editor.edit(z, t))) for t in ({}, {"Smiling": 10}, {"Smiling": 90})
    )
    for name in ("Male", "Young", "Skin_Tone"):
        column = editor.attributes.index(name)
        for values in after:
            assert (values - before)[:, column].abs().median() < 5


def test_what_makes_somebody_who_they_are_is_held(editor, monkeypatch):
    columns = [editor.attributes.index(name) for name in IDENTIFYING]
    faces = [editor.look(row) for row in editor.latents(range(24)).split(1)]

    def drift():
        edited = [editor.follow(face, {"Smiling": 95}).values for face in faces]
        return torch.stack([(seen - face.values)[columns].abs() for seen, face in zip(edited, faces, strict=True)])

    held = drift()
    monkeypatch.setattr("expressions.solver._HELD_SHARE", 0.0)
    assert held.mean() < 0.8 * drift().mean()


@pytest.mark.parametrize("seed", range(3))
def test_one_point_more_than_a_slider_shows_is_another_face(editor, seed):
    face = editor.look(editor.latents(seed))
    shown = round(face.values[editor.attributes.index("Smiling")].clamp(0, 99).item())
    assert not torch.equal(editor.follow(face, {"Smiling": shown + 1}).z, face.z)


def test_an_edit_without_targets_returns_z_bit_for_bit(editor):
    z = editor.latents(range(10))
    assert torch.equal(editor.edit(z, {}), z)


@pytest.mark.parametrize("name", SLIDERS)
def test_an_edit_moves_its_attribute_towards_the_target(editor, name):
    z = editor.latents(range(100, 116))
    column = editor.attributes.index(name)
    low, high = (editor.measure(editor.synthesize(editor.edit(z, {name: t})))[:, column] for t in (30.0, 70.0))
    assert (high > low).all()
    assert low.median().item() == pytest.approx(30, abs=5)
    assert high.median().item() == pytest.approx(70, abs=5)


def test_a_sketch_comes_close_and_the_edit_closer(editor):
    column, targets = editor.attributes.index("Bangs"), {"Bangs": 70.0}
    faces = [editor.look(row) for row in editor.latents(range(12)).split(1)]
    sketches = [editor.look(editor.sketch(face, targets)) for face in faces]
    edits = [editor.follow(face, targets) for face in faces]
    rows = (faces, sketches, edits)
    start, sketched, edited = (torch.stack([seen.values[column] for seen in row]).sub(70).abs() for row in rows)
    assert start.median() > 2 * sketched.median()
    assert sketched.median() > 2
    assert edited.median() < 1


def test_the_end_of_the_scale_is_reached_beyond_it(editor):
    column = editor.attributes.index("Black_Hair")
    faces = [editor.look(row) for row in editor.latents(range(300)).split(1)]
    below, above = (next(face for face in faces if sign * (face.values[column] - end) > 5) for sign, end in ENDS)
    for face, end, other in ((below, 0, 5), (above, 100, 95)):
        for edit in (editor.sketch, lambda *given: editor.follow(*given).z):
            assert torch.allclose(edit(face, {"Black_Hair": end}), face.z, atol=1e-6)
            assert not torch.allclose(edit(face, {"Black_Hair": other}), face.z, atol=1e-2)


def test_an_edit_out_of_reach_stops_at_the_closest_face_that_it_saw(editor, monkeypatch):
    column, seen = editor.attributes.index("No_Beard"), []
    face = next(face for face in map(editor.look, editor.latents(range(100)).split(1)) if face.values[column] > 95)

    def look(z):
        seen.append(Editor.look(editor, z))
        return seen[-1]

    monkeypatch.setattr(editor, "look", look)
    edited = editor.follow(face, {"No_Beard": 0})
    assert len(seen) == MAX_STEPS
    assert edited.values[column] == min(values[column] for _, _, values in seen) > 1
    assert edited.z.dtype == torch.float32
    assert edited.z.abs().max() < 1
    distances = [(to_normal(z) - to_normal(face.z)).norm().item() for z, _, _ in seen]
    assert max(distances) == pytest.approx(6, abs=0.01)


def test_a_sketch_of_no_targets_is_the_face_itself(editor):
    face = editor.look(editor.latents(3))
    assert torch.equal(editor.sketch(face, {}), face.z)


@pytest.mark.parametrize("count", [0, 3])
def test_one_face_is_looked_at_a_time(editor, count):
    with pytest.raises(ValueError, match=rf"one latent, of shape \(1, 100\), got shape \({count}, 100\)"):
        editor.look(editor.latents(range(count)))


def test_two_targets_are_met_together(editor):
    z = editor.latents(range(16))
    values = editor.measure(editor.synthesize(editor.edit(z, {"Smiling": 70.0, "Skin_Tone": 40.0})))
    smiling, tone = (values[:, editor.attributes.index(name)] for name in ("Smiling", "Skin_Tone"))
    assert smiling.median().item() == pytest.approx(70, abs=5)
    assert tone.median().item() == pytest.approx(40, abs=5)


def test_every_attribute_can_be_named_at_once(editor):
    z = editor.latents([1])
    assert editor.edit(z, dict.fromkeys(editor.attributes, 50.0)).shape == (1, 100)


def test_an_edit_is_the_same_alone_and_in_a_batch(editor):
    z = editor.latents(range(8))
    assert torch.equal(editor.edit(z, {"Smiling": 80.0})[7:], editor.edit(z[7:], {"Smiling": 80.0}))


def test_an_edit_works_without_gradients(editor):
    z = editor.latents([3])
    with torch.inference_mode():
        edited = editor.edit(z, {"Smiling": 80.0})
    assert torch.equal(edited, editor.edit(z, {"Smiling": 80.0}))


def test_the_order_of_targets_does_not_matter(editor):
    z = editor.latents([3, 4])
    one, other = {"Smiling": 80.0, "Young": 20.0}, {"Young": 20.0, "Smiling": 80.0}
    assert torch.equal(editor.edit(z, one), editor.edit(z, other))


def test_the_latents_given_are_left_alone(editor):
    z = editor.latents([5])
    kept = z.clone()
    editor.edit(z, {"Smiling": 90.0})
    assert torch.equal(z, kept)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1, 100.5, "50", None, True])
def test_a_target_that_is_no_value_is_refused(editor, value):
    with pytest.raises(ValueError, match=r"targets\['Smiling'\] must be a number from 0 to 100, got"):
        editor.edit(editor.latents([1]), {"Smiling": value})


def test_an_unknown_attribute_is_named_beside_those_there_are(editor):
    with pytest.raises(ValueError, match="targets: unknown attribute 'Wings'; choose from .*Smiling"):
        editor.render(1, {"Wings": 50})


@pytest.mark.parametrize(
    ("z", "message"),
    [
        (torch.zeros(100), r"z must be .*\(N, 100\), got shape \(100,\)"),
        (torch.zeros(2, 99), r"got shape \(2, 99\)"),
        (torch.zeros(0, 5), r"got shape \(0, 5\)"),
        (torch.zeros(2, 100, dtype=torch.int64), "z must be a floating-point tensor.*int64"),
        (torch.full((1, 100), 1.5), "z must hold numbers from -1 to 1, got 1.5"),
        (torch.full((1, 100), math.nan), "got nan"),
        ([[0.0] * 100], "z must be a floating-point tensor.*got list"),
    ],
)
def test_latents_that_are_none_are_refused(editor, z, message):
    calls = (
        editor.synthesize,
        editor.look,
        lambda value: editor.edit(value, {"Smiling": 50}),
        lambda value: editor.reach(value, "Smiling"),
    )
    for call in calls:
        with pytest.raises(ValueError, match=message):
            call(z)


def test_images_that_are_none_are_refused(editor):
    with pytest.raises(ValueError, match=r"images must be .*\(N, 3, 64, 64\), got shape \(1, 3, 32, 32\)"):
        editor.measure(torch.zeros(1, 3, 32, 32))
    with pytest.raises(ValueError, match="images must hold numbers from -1 to 1, got 255"):
        editor.measure(torch.full((1, 3, 64, 64), 255.0))


# Directions ------------------------------------------------------------------------------------------


def test_a_solution_stays_on_the_device_of_its_matrix():
    assert damped_solve(torch.ones(2, 2, device="meta"), torch.ones(2, device="meta")).device.type == "meta"


def test_a_damped_solution_meets_targets_that_agree():
    matrix = torch.randn(3, 3, generator=torch.Generator().manual_seed(0)) + 3 * torch.eye(3)
    wanted = torch.tensor([10.0, -5.0, 2.0])
    assert torch.allclose(matrix @ damped_solve(matrix, wanted), wanted, atol=0.5)


def test_targets_that_contradict_each_other_share_the_step():
    assert damped_solve(torch.ones(2, 2), torch.tensor([1.0, -1.0])).abs().max() < 1e-4


def test_reach_is_the_least_and_the_greatest_value_of_a_face(editor):
    z = editor.latents([3, 4])
    reach = editor.reach(z, "Eyeglasses")
    column = editor.attributes.index("Eyeglasses")
    assert reach.shape == (2, 2)
    assert (reach[:, 0] < reach[:, 1]).all()
    edited = editor.measure(editor.synthesize(editor.edit(z, {"Eyeglasses": 100.0})))
    torch.testing.assert_close(reach[:, 1], edited[:, column], rtol=0, atol=1e-3)  # a batch rounds differently
    with pytest.raises(ValueError, match="name: unknown attribute 'Wings'"):
        editor.reach(z, "Wings")


# Files -----------------------------------------------------------------------------------------------


@pytest.fixture
def saved(editor, tmp_path):
    editor.save_pretrained(tmp_path)
    return tmp_path


def test_a_saved_editor_comes_back_bit_for_bit(editor, saved):
    loaded = Editor.from_pretrained(saved)
    assert loaded.attributes == editor.attributes
    assert all(torch.equal(tensor, loaded.state_dict()[name]) for name, tensor in editor.state_dict().items())


def test_the_embedded_file_is_small_enough_for_a_repository(saved):
    assert (saved / "model.safetensors").stat().st_size < 10_000_000


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(WeightsError, match="nowhere.*no such folder"):
        Editor.from_pretrained(tmp_path / "nowhere")
