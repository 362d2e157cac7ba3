"""The editor in a browser beside the one in Python: the same seeds and targets, step for step."""

import base64
import gzip
import hashlib
import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence
from playwright.sync_api import Browser, Page
from tabs import hosting, new_tab

from expressions import Editor
from expressions.attributes import SLIDERS
from expressions.demo.engine_files import EngineFiles
from expressions.demo.site import export_site
from expressions.demo.xmp import xmp_packet
from expressions.images import to_pil, to_uint8
from expressions.latents import draw_attempts, slerp, to_normal, to_uniform
from expressions.solver import SAME, Look

VENDOR = Path(__file__).parents[2] / "expressions/demo/engine/vendor"
SEEDS = (0, 1, 7, 123456789, 2**31, 2**32 - 1)


@pytest.fixture(scope="module")
def page(browser: Browser, editor: Editor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A list of files that holds the engine of the embedded editor as `editor`, and its modules."""
    folder = tmp_path_factory.mktemp("site")
    export_site(editor, folder)
    with hosting(folder) as address:
        page = new_tab(browser)
        page.goto(f"{address}/{EngineFiles(editor).folder}/")
        page.evaluate("""async () => {
            const load = (name) => import(new URL(`${name}.js`, location));
            for (const name of ["editor", "images", "latents"]) window[name + "_js"] = await load(name);
            window.levels = (pixels) =>
                btoa(Array.from(images_js.toImage(pixels).data, (level) => String.fromCharCode(level)).join(""));
            window.editor = await editor_js.Editor.load(location.href);
            window.Engine = (await load("engine")).Engine;
            window.engine = await Engine.load();
        }""")
        yield page


def floats(numbers: Any) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float32)


def test_the_draws_of_seeds_are_the_same_bits(page: Page) -> None:
    drawn = page.evaluate("(seeds) => seeds.map((seed) => latents_js.drawAttempts(seed, 8).map((z) => [...z]))", SEEDS)
    for seed, rows in zip(SEEDS, drawn, strict=True):
        assert torch.equal(floats(rows), draw_attempts(seed, 8))


def test_the_same_draw_of_a_seed_is_chosen(page: Page, editor: Editor) -> None:
    seeds = list(range(100))
    for attempts in (1, 3, 8):
        chosen = page.evaluate(
            "([seeds, attempts]) => seeds.map((seed) => [...editor.latents(seed, attempts)])", [seeds, attempts]
        )
        assert torch.equal(floats(chosen), editor.latents(seeds, attempts))


def test_latents_are_normal_and_uniform_alike(page: Page) -> None:
    z = torch.cat([draw_attempts(seed, 8) for seed in SEEDS] + [torch.linspace(-1, 1, 100)[None]])
    u = 3 * to_normal(z)
    there, back = page.evaluate(
        """([z, u]) => [z.map((row) => [...latents_js.toNormal(Float32Array.from(row))]),
                        u.map((row) => [...latents_js.toUniform(row)])]""",
        [z.tolist(), u.tolist()],
    )
    torch.testing.assert_close(floats(there), to_normal(z), rtol=2e-7, atol=0)
    torch.testing.assert_close(floats(back), to_uniform(u), rtol=2e-7, atol=0)


def test_a_great_circle_is_the_same(page: Page) -> None:
    start, end = to_normal(draw_attempts(5, 2)).split(1)
    path = page.evaluate(
        "([start, end]) => [0, 0.3, 1].map((share) => latents_js.slerp(start, end, share))",
        [start[0].tolist(), end[0].tolist()],
    )
    torch.testing.assert_close(floats(path), torch.cat([slerp(start, end, share) for share in (0, 0.3, 1)]))


def test_pictures_are_the_same_to_a_level_and_values_to_a_tenth(page: Page, editor: Editor) -> None:
    looks = [editor.look(editor.latents(seed)) for seed in SEEDS]
    seen = page.evaluate(
        """async (seeds) => {
            const faces = [];
            for (const seed of seeds) {
                const face = await editor.look(editor.latents(seed));
                faces.push([levels(face.pixels), levels(await editor.enlarge(face.pixels)), face.raw]);
            }
            return faces;
        }""",
        SEEDS,
    )
    for look, (image, large, values) in zip(looks, seen, strict=True):
        assert_same_picture(image, look.image)
        assert_same_picture(large, editor.enlarge(look.image))
        torch.testing.assert_close(floats(values), look.values, rtol=0, atol=0.1)


def assert_same_picture(data: str, image: torch.Tensor) -> None:
    """RGBA (side * side * 4) in base64 shows an image (1, 3, side, side), to a level, and is opaque."""
    side = image.shape[-1]
    shown = np.frombuffer(base64.b64decode(data), np.uint8).reshape(side, side, 4).astype(int)
    expected = to_uint8(image[0]).permute(1, 2, 0).numpy().astype(int)
    assert np.abs(shown[..., :3] - expected).max() <= 1
    assert (shown[..., 3] == 255).all()


def drawn_edits(count: int) -> list[tuple[int, dict[str, float]]]:
    """Seeds, each with a target, every fifth with two or three: these take three times as long. All sliders take turns
    as the first."""
    draw = random.Random(0)  # noqa: S311
    edits = []
    for number in range(count):
        more = draw.randrange(1, 3) if number % 5 == 0 else 0
        names = [SLIDERS[number % len(SLIDERS)], *draw.sample(SLIDERS, more)]
        edits.append((draw.randrange(2**32), {name: float(draw.randrange(101)) for name in names}))
    return edits


def steps_of(editor: Editor, face: Look, targets: dict[str, float]) -> tuple[Look, list[torch.Tensor]]:
    """What `follow` finds, and the values that each of its steps has seen."""
    seen: list[torch.Tensor] = []
    look = editor.look

    def noted(z: torch.Tensor) -> Look:
        found = look(z)
        seen.append(found.values)
        return found

    editor.look = noted  # type: ignore[method-assign]
    try:
        return editor.follow(face, targets), seen
    finally:
        editor.look = look  # type: ignore[method-assign]


EDIT = """async ([seed, targets]) => {
    const face = await editor.look(editor.latents(seed));
    const steps = [], look = editor.look;
    editor.look = async (z) => {
        const found = await look.call(editor, z);
        steps.push(found.raw);
        return found;
    };
    const after = await editor.follow(face, targets);
    delete editor.look;
    return [levels(after.pixels), after.raw, steps];
}"""


def check_edits(page: Page, editor: Editor, edits: list[tuple[int, dict[str, float]]]) -> None:
    columns = [editor.attributes.index(name) for name in SLIDERS]
    for seed, targets in edits:
        after, expected = steps_of(editor, editor.look(editor.latents(seed)), editor.checked_targets(targets))
        image, values, steps = page.evaluate(EDIT, [seed, targets])
        where = f"seed {seed}, {targets}"
        for number, (there, here) in enumerate(zip(steps, expected, strict=False)):
            apart = (floats(there) - here)[columns].abs().max()
            assert apart < SAME, f"{where}: step {number} differs by {apart:.2f} points"
        assert len(steps) == len(expected), f"{where}: {len(steps)} steps and {len(expected)}"
        assert (floats(values) - after.values)[columns].abs().max() < SAME, where
        assert_same_picture(image, after.image)


def test_edits_take_the_same_steps(page: Page, editor: Editor) -> None:
    check_edits(page, editor, drawn_edits(len(SLIDERS)))


@pytest.mark.slow
def test_two_hundred_edits_with_those_take_the_same_steps(page: Page, editor: Editor) -> None:
    check_edits(page, editor, drawn_edits(200)[len(SLIDERS) :])


def test_a_draft_is_the_first_step_of_an_edit(page: Page, editor: Editor) -> None:
    for seed, targets in [(3, {}), *drawn_edits(5)]:
        z = page.evaluate(
            """async ([seed, targets]) => {
                const face = await editor.look(editor.latents(seed));
                return [...(await editor.draft(face, targets)).z];
            }""",
            [seed, targets],
        )
        sketched = editor.sketch(editor.look(editor.latents(seed)), targets)
        torch.testing.assert_close(floats([z]), sketched, rtol=0, atol=1e-4)


# What the worker answers -----------------------------------------------------------------------------

STATE = {"seed": 7, "attempts": 8, "targets": {"Smiling": 90}, "view": "face", "to": 8}
LINK = "?seed=7&Smiling=90&weights=0123456789ab"


def picture_of(url: str) -> Image.Image:
    kind, _, data = url.partition(",")
    assert kind == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def levels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB")).astype(int)


def largest_gap(picture: Image.Image, image: torch.Tensor) -> int:
    """Levels between a picture and an image (1, 3, side, side)."""
    return int(np.abs(levels(picture) - levels(to_pil(image[0]))).max())


def test_faces_are_answered_with_pictures_through_the_lens_and_values(page: Page, editor: Editor) -> None:
    plain = {**STATE, "targets": {}}
    (before, after) = page.evaluate("(states) => engine.faces(states, 512)", [plain, STATE])
    looks = [editor.look(editor.latents(7))]
    looks.append(editor.follow(looks[0], STATE["targets"]))
    for face, look in zip((before, after), looks, strict=True):
        assert largest_gap(picture_of(face["src"]), editor.enlarge(look.image)) <= 1
        expected = dict(zip(editor.attributes, look.values.clamp(0, 100).tolist(), strict=True))
        assert face["values"] == pytest.approx(expected, abs=SAME)
    (measured,) = page.evaluate("(states) => engine.faces(states, 0)", [STATE])
    assert measured == {"src": "", "values": after["values"]}


def test_a_draft_is_answered_with_the_first_step(page: Page, editor: Editor) -> None:
    draft = page.evaluate("(state) => engine.draft(state)", STATE)
    sketched = editor.synthesize(editor.sketch(editor.look(editor.latents(7)), STATE["targets"]))
    assert largest_gap(picture_of(draft["src"]), sketched) <= 1


def test_calls_are_answered_while_others_are_worked_on(page: Page) -> None:
    order = page.evaluate(
        """async (state) => {
            const order = [], note = (name) => () => order.push(name);
            const map = [0, 25, 50, 75, 100].map((value) => ({ ...state, targets: { Male: value } }));
            await Promise.all([engine.faces(map, 0).then(note("map")), engine.draft(state).then(note("draft"))]);
            return order;
        }""",
        STATE,
    )
    assert order == ["draft", "map"]


def test_a_file_has_its_size_and_the_mark(page: Page, editor: Editor) -> None:
    for size in (64, 512):
        file = page.evaluate("([state, size, link]) => engine.png(state, size, link)", [STATE, size, LINK])
        assert file["name"] == f"expressions-7-{size}.png"
        picture = picture_of(file["src"])
        assert picture.size == (size, size)
        assert picture.info["XML:com.adobe.xmp"] == xmp_packet(LINK)
    expected = editor.picture(editor.follow(editor.look(editor.latents(7)), STATE["targets"]).image, 512)
    assert np.abs(levels(picture) - levels(expected)).mean() < 2  # enlarged by another filter


def test_a_loop_goes_to_the_other_face_and_back_with_the_mark(page: Page, editor: Editor) -> None:
    plain = {**STATE, "targets": {}}
    morph = page.evaluate("([state, link]) => engine.morph(state, link)", [plain, LINK])
    loop = picture_of(morph["src"])
    assert loop.info["XML:com.adobe.xmp"] == xmp_packet(LINK)
    frames = [(frame.info["duration"], frame.convert("RGB")) for frame in ImageSequence.Iterator(loop)]
    assert [duration for duration, _ in frames] == [600] + 22 * [60] + [600] + 22 * [60]
    for frame, seed in ((0, 7), (23, 8)):
        assert largest_gap(frames[frame][1], editor.enlarge(editor.synthesize(editor.latents(seed)))) <= 1
    assert (levels(picture_of(morph["still"])) == levels(frames[12][1])).all()


def test_a_worker_that_fails_says_so(page: Page) -> None:
    said = page.evaluate("engine.faces([{ ...{}, seed: 1, attempts: 8, targets: null }], 0).catch(String)")
    assert said.startswith("Error: TypeError")
    said = page.evaluate("Engine.load(`${location}nowhere/`).catch(String)")
    assert "nowhere" in said


def test_the_runtime_is_the_one_that_was_published() -> None:
    sums = dict(line.split()[::-1] for line in (VENDOR / "SHA256SUMS.txt").read_text().splitlines())
    contents = {path.name: path.read_bytes() for path in VENDOR.glob("ort*")}
    unpacked = {
        name.removesuffix(".gz"): gzip.decompress(file) if name.endswith(".gz") else file
        for name, file in contents.items()
    }
    assert {name: hashlib.sha256(file).hexdigest() for name, file in unpacked.items()} == sums
