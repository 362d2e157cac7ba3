import logging

import pytest
import torch
from datasets import Dataset, disable_progress_bars
from drawn_faces import celeba_row, draw_face, encode, write_parquet
from PIL import Image

from expressions.attributes import CELEBA_ATTRIBUTES, HUB_DATASET
from expressions.images import FRAME_SIZE, crop_face
from expressions.training.config import DataOptions
from expressions.training.data import DataError, load_faces

disable_progress_bars()
logging.getLogger("huggingface_hub").setLevel(logging.ERROR)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))


@pytest.fixture
def folder(tmp_path):
    """Six faces to train on, three to validate."""
    write_parquet(tmp_path, "train", [celeba_row(index) for index in range(6)])
    write_parquet(tmp_path, "valid", [celeba_row(index) for index in range(6, 9)])
    return tmp_path


def load(source, split="train", attributes=(), people=False, **options):
    return load_faces(DataOptions(data=str(source), **options), split, attributes=attributes, people=people)


def refusal(source, split="train", **options):
    with pytest.raises(DataError) as caught:
        load(source, split, **options)
    return str(caught.value)


def test_all_forty_attributes_are_celebas():
    assert len(set(CELEBA_ATTRIBUTES)) == 40
    assert sorted(CELEBA_ATTRIBUTES, key=str.lower) == list(CELEBA_ATTRIBUTES)


def test_images_and_labels_come_in_the_order_of_the_rows(folder):
    faces = load(folder, attributes=["Smiling", "Male"])
    assert faces.attributes == ("Smiling", "Male")
    assert faces.labels[:, 0].tolist() == [False, True] * 3
    assert torch.equal(faces.images[4], torch.from_numpy(crop_face(draw_face(4))))


@pytest.mark.parametrize("streaming", [False, True])
def test_the_two_halves_of_the_people_share_nobody(folder, streaming):
    everyone = load(folder, attributes=["Smiling"])
    limit = 6 if streaming else None
    for which, first in (("even", 0), ("odd", 1)):
        half = load(folder, attributes=["Smiling"], identities=which, streaming=streaming, limit=limit)
        assert torch.equal(half.images, everyone.images[first::2])
        assert torch.equal(half.labels, everyone.labels[first::2])


@pytest.mark.parametrize("streaming", [False, True])
def test_who_a_face_shows_is_read_where_it_is_asked_for(folder, streaming):
    assert load(folder, people=True, streaming=streaming, limit=5).people.tolist() == [0, 1, 2, 3, 4]
    assert load(folder, limit=5).people.numel() == 0


def test_halves_need_to_know_who_is_who(tmp_path):
    rows = [celeba_row(index) for index in range(2)]
    write_parquet(tmp_path, "train", [{name: row[name] for name in row if name != "celeb_id"} for row in rows])
    assert "no column celeb_id" in refusal(tmp_path, identities="even")


@pytest.mark.parametrize("name", ["valid", "validation"])
def test_both_names_of_the_validation_split_are_understood(folder, name):
    assert len(load(folder, name)) == 3


def test_a_folder_of_images_with_metadata_reads_alike(folder, tmp_path_factory):
    images = tmp_path_factory.mktemp("images")
    (images / "train").mkdir()
    lines = ["file_name,Smiling"]
    for index in range(6):
        draw_face(index, smiling=bool(index % 2)).save(images / "train" / f"{index}.png")
        lines.append(f"{index}.png,{1 if index % 2 else -1}")
    (images / "train" / "metadata.csv").write_text("\n".join(lines))
    from_images, from_parquet = (load(source, attributes=["Smiling"]) for source in (images, folder))
    assert torch.equal(from_images.images, from_parquet.images)
    assert torch.equal(from_images.labels, from_parquet.labels)


@pytest.mark.parametrize(("absent", "present"), [(False, True), (0, 1), (-1, 1)])
def test_labels_may_be_bool_or_01_or_signed(tmp_path, absent, present):
    write_parquet(tmp_path, "train", [celeba_row(i, Smiling=present if i else absent) for i in range(3)])
    assert load(tmp_path, attributes=["Smiling"]).labels[:, 0].tolist() == [False, True, True]


def test_frames_and_full_images_give_the_same_faces(tmp_path):
    frame = draw_face(1, smiling=True).resize(FRAME_SIZE, Image.Resampling.LANCZOS)
    rows = [celeba_row(1), celeba_row(1, image={"bytes": encode(frame), "path": None})]
    write_parquet(tmp_path, "train", rows)
    faces = load(tmp_path)
    assert torch.equal(faces.images[0], faces.images[1])


def test_a_second_call_decodes_nothing_with_other_labels_too(folder, monkeypatch):
    first = load(folder)
    monkeypatch.setattr("expressions.training.data.crop_face", None)
    assert torch.equal(load(folder, attributes=["Smiling"]).images, first.images)


def test_a_changed_source_is_decoded_anew(folder):
    before = load(folder)
    write_parquet(folder, "train", [celeba_row(index) for index in range(10, 14)])
    after = load(folder)
    assert len(before) == 6
    assert torch.equal(after.images[0], torch.from_numpy(crop_face(draw_face(10))))


def test_streaming_reads_the_same_first_rows(folder):
    streamed = load(folder, streaming=True, limit=2, attributes=["Smiling"])
    assert torch.equal(streamed.images, load(folder).images[:2])
    assert streamed.labels[:, 0].tolist() == [False, True]


def test_limit_takes_the_first_rows(folder):
    assert len(load(folder, limit=2)) == 2
    assert len(load(folder, limit=100)) == 6


def test_a_missing_folder_is_named(tmp_path):
    assert f"no folder '{tmp_path / 'nowhere'}'" in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("asked", "missing", "there"),
    [
        ({"split": "test"}, "no split 'test'", "train, valid"),
        ({"attributes": ["Smiling", "Wings"]}, "no column Wings", "Wearing_Hat"),
    ],
)
def test_what_is_missing_is_named_beside_what_there_is(folder, asked, missing, there):
    message = refusal(folder, **asked)
    assert missing in message
    assert there in message


@pytest.mark.parametrize("options", [{}, {"streaming": True, "limit": 3}])
def test_an_empty_split_is_refused(folder, options):
    write_parquet(folder, "test", [])
    assert "the split is empty" in refusal(folder, "test", **options)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (encode(draw_face(1))[:700], "truncated"),
        (b"no picture at all", "cannot identify image"),
        (encode(Image.new("RGB", (100, 100))), "expected a picture of 178x218 or 64x78.*got 100x100"),
    ],
)
@pytest.mark.parametrize("streaming", [False, True])
def test_a_broken_picture_is_named_by_its_row(tmp_path, image, reason, streaming):
    rows = [celeba_row(0), celeba_row(1, image={"bytes": image, "path": "broken.png"})]
    write_parquet(tmp_path, "train", rows)
    with pytest.raises(DataError, match=rf"row 1 \(.*broken.png\): .*{reason}"):
        load(tmp_path, streaming=streaming, limit=2)


@pytest.mark.parametrize("streaming", [False, True])
def test_a_row_without_a_picture_is_named(tmp_path, streaming):
    write_parquet(tmp_path, "train", [celeba_row(0, image=None)])
    message = refusal(tmp_path, streaming=streaming, limit=1)
    assert "row 0: expected a picture, got nothing" in message


def test_a_column_of_something_else_is_no_column_of_pictures(tmp_path):
    Dataset.from_dict({"image": [7]}).to_parquet(tmp_path / "train.parquet")
    assert "column image: expected pictures" in refusal(tmp_path)


@pytest.mark.parametrize("streaming", [False, True])
def test_a_strange_label_is_named_by_row_and_column(tmp_path, streaming):
    write_parquet(tmp_path, "train", [celeba_row(0, Smiling=1), celeba_row(1, Smiling=7)])
    message = refusal(tmp_path, attributes=["Smiling"], streaming=streaming, limit=2)
    assert "row 1, column Smiling: expected a bool, 0/1 or -1/+1, got 7" in message


@pytest.mark.parametrize("options", [{"people": True}, {"identities": "odd"}, {"identities": "odd", "streaming": True}])
@pytest.mark.parametrize(("people", "row"), [(["Ann", "Bob"], 0), ([4, None], 1)])
def test_a_strange_person_is_named_by_row(tmp_path, people, row, options):
    write_parquet(tmp_path, "train", [celeba_row(index, celeb_id=person) for index, person in enumerate(people)])
    message = refusal(tmp_path, limit=2, **options)
    assert f"row {row}, column celeb_id: expected a whole number, got {people[row]!r}" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"identities": "third"}, "identities must be one of all, even, odd, got 'third'"),
        ({"limit": 0}, "limit must be a number above 0, got 0"),
        ({"streaming": True}, "streaming reads only the first rows: say how many with limit"),
        ({"revision": "main"}, "revision 'main' belongs to a data set on the Hub"),
    ],
)
def test_options_that_make_no_sense_are_refused(folder, options, message):
    with pytest.raises(ValueError, match=message):
        load(folder, **options)


def test_the_default_source_is_pinned(monkeypatch):
    asked = {}

    def splits(path, revision=None):
        asked.update(path=path, revision=revision)
        raise ConnectionError("no network")

    monkeypatch.setattr("datasets.get_dataset_split_names", splits)
    assert "cannot be reached" in refusal(HUB_DATASET)
    assert len(asked["revision"]) == 40
