import logging
import os
import shutil

import pytest
import torch
from datasets import Dataset, disable_progress_bars
from drawn_faces import celeba_row, draw_face, draw_folder, encode, write_parquet
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
    monkeypatch.chdir(folder.parent)
    for source in (folder, f"{folder.name}/", f"./{folder.name}"):
        assert torch.equal(load(source, attributes=["Smiling"]).images, first.images)


def test_a_cache_that_cannot_be_written_to_is_named(folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "file/cache")
    message = refusal(folder)
    cache = tmp_path / "file/cache"
    assert f"split 'train': cannot use the cache folder {cache}, Not a directory: name another with" in message


# Folders ------------------------------------------------------------------------------------------

STRANGE_NAMES = ["000.png", "my_train_001.png", "test_2.png", "val-3.png", "dev/4.png", "a [5]*.png", "è.png"]


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("name", ["faces", "train[1]*?", "test"])
def test_one_metadata_file_at_the_top_is_one_split(tmp_path, name, streaming):
    draw_folder(tmp_path / name, STRANGE_NAMES, Smiling=[0, 1, 1, 0, 0, 0, 0])
    (tmp_path / name / "list_eval_partition.txt").write_text("000.png 0\n")
    faces = load(tmp_path / name, attributes=["Smiling"], streaming=streaming, limit=9)
    assert faces.labels[:, 0].tolist() == [False, True, True, False, False, False, False]
    assert torch.equal(faces.images[3], torch.from_numpy(crop_face(draw_face(3))))
    assert refusal(tmp_path / name, "valid") == f"{tmp_path / name}: no split 'valid'; it has train"


@pytest.mark.parametrize("name", ["valid", "validation", "val", "dev"])
def test_a_split_of_pictures_is_what_its_folder_says(tmp_path, name):
    draw_folder(tmp_path / "train", STRANGE_NAMES, Smiling=[0] * 7)
    draw_folder(tmp_path / name, ["train_0.png", "1.png"], Smiling=[0] * 2)
    assert len(load(tmp_path)) == 7
    assert len(load(tmp_path, "valid")) == 2
    assert f"no split 'test'; it has {', '.join(sorted(['train', name]))}" in refusal(tmp_path, "test")


def test_pictures_in_a_zip_file_are_read(tmp_path):
    draw_folder(tmp_path / "unzipped", ["0.png", "my_test_1.png"], Smiling=[0, 1])
    shutil.make_archive(str(tmp_path / "zipped/faces"), "zip", tmp_path / "unzipped")
    zipped, unzipped = (load(tmp_path / name, attributes=["Smiling"]) for name in ("zipped", "unzipped"))
    assert torch.equal(zipped.images, unzipped.images)
    assert torch.equal(zipped.labels, unzipped.labels)
    assert "faces.zip' is no folder: unzip it" in refusal(tmp_path / "zipped/faces.zip")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["notes.txt"], "it holds no parquet file and no picture"),
        (["metadata.csv", "train/metadata.csv"], "a metadata file at the top is one split, but there are 2 of them"),
        (["train/0.png", "1.png"], "name the split in the path of 1.png, as train, valid or test"),
        (["train.parquet", "more.parquet"], "name the split in the path of more.parquet"),
        (["train.parquet", "valid_test.parquet"], "name the split in the path of valid_test.parquet"),
        (["val/metadata.csv", "dev/metadata.csv"], "no split 'train'; it has dev, val"),
        (["celeba_train-00000-of-00001.parquet"], "no split 'train'; it has celeba_train"),
    ],
)
def test_files_whose_split_cannot_be_told_are_named(tmp_path, files, message):
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert message in refusal(tmp_path)


@pytest.mark.parametrize("path", ["train.parquet", "a/my-train 1.parquet", "train[1]/0.parquet", "faces.parquet"])
def test_a_parquet_file_is_found_by_a_word_in_its_path(tmp_path, path):
    write_parquet(tmp_path, "x", [celeba_row(0), celeba_row(1)])
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / "data/x-00000-of-00001.parquet").rename(tmp_path / path)
    assert len(load(tmp_path)) == 2


# Options and rows ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pictures", "parquet"])
def test_a_changed_source_is_decoded_anew_though_its_time_is_kept(tmp_path, kind):
    def write(index):
        if kind == "pictures":
            draw_folder(tmp_path, ["0.bmp"], first=index, Smiling=[index % 2])
        else:
            write_parquet(tmp_path, "train", [celeba_row(index)])
        for path in tmp_path.rglob("*"):
            os.utime(path, (1e9, 1e9))

    for index in (10, 11):
        write(index)
        faces = load(tmp_path, attributes=["Smiling"])
        assert torch.equal(faces.images[0], torch.from_numpy(crop_face(draw_face(index, smiling=bool(index % 2)))))
        assert faces.labels.tolist() == [[bool(index % 2)]]


def test_streaming_reads_the_same_first_rows(folder):
    streamed = load(folder, streaming=True, limit=2, attributes=["Smiling"])
    assert torch.equal(streamed.images, load(folder).images[:2])
    assert streamed.labels[:, 0].tolist() == [False, True]


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
    assert "split 'train': Unsupported cast" in refusal(tmp_path, streaming=True, limit=1)


def test_a_path_that_cannot_be_read_is_refused(tmp_path):
    draw_folder(tmp_path / "a::b", ["0.png"])
    assert "a path with two colons" in refusal(tmp_path / "a::b")


@pytest.mark.parametrize("streaming", [False, True])
def test_a_strange_label_is_named_by_row_and_column(tmp_path, streaming):
    write_parquet(tmp_path, "train", [celeba_row(0, Smiling=1), celeba_row(1, Smiling=7)])
    message = refusal(tmp_path, attributes=["Smiling"], streaming=streaming, limit=2)
    assert "row 1, column Smiling: expected a bool, 0/1 or -1/+1, got 7" in message


@pytest.mark.parametrize("options", [{"people": True}, {"identities": "odd"}, {"identities": "odd", "streaming": True}])
@pytest.mark.parametrize(
    ("people", "message"),
    [
        (["Ann", "Bob"], "row 0, column celeb_id: expected a whole number, got 'Ann'"),
        ([4, None], "row 1, column celeb_id: expected a whole number, got nothing"),
        ([4.0, 3.5], "row 1, column celeb_id: expected a whole number, got 3.5"),
        ([4.0, 1e30], "row 1, column celeb_id: expected a whole number, got 1e+30"),
    ],
)
def test_a_strange_person_is_named_by_row(tmp_path, people, message, options):
    write_parquet(tmp_path, "train", [celeba_row(index, celeb_id=person) for index, person in enumerate(people)])
    assert message in refusal(tmp_path, limit=2, **options)


@pytest.mark.parametrize("streaming", [False, True])
def test_an_empty_cell_is_named_by_its_row(tmp_path, streaming):
    people, labels = [8, 9, 10, "", 12], [1, -1, "", 1, 1]
    draw_folder(tmp_path, [f"{index}.png" for index in range(5)], celeb_id=people, Smiling=labels)
    options = {"streaming": streaming, "limit": 5}
    assert "row 3, column celeb_id: expected a whole number, got nothing" in refusal(tmp_path, people=True, **options)
    message = refusal(tmp_path, attributes=["Smiling"], **options)
    assert "row 2, column Smiling: expected a bool, 0/1 or -1/+1, got nothing" in message
    assert load(tmp_path, people=True, streaming=streaming, limit=3).people.tolist() == [8, 9, 10]


def test_a_column_has_one_kind_of_labels(tmp_path):
    write_parquet(tmp_path, "train", [celeba_row(index, Smiling=value) for index, value in enumerate([1, 0, -1])])
    message = refusal(tmp_path, attributes=["Smiling"])
    assert "column Smiling: row 2 has -1, row 1 has 0: expected 0/1 or -1/+1, not both" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"streaming": True}, "streaming reads only the first rows: say how many with limit"),
        ({"revision": "main"}, "revision 'main' belongs to a data set on the Hub"),
    ],
)
def test_options_that_make_no_sense_are_refused(folder, options, message):
    with pytest.raises(ValueError, match=message):
        load(folder, **options)


def test_the_default_source_is_pinned(monkeypatch):
    asked = {}

    def builder(path, revision=None):
        asked.update(path=path, revision=revision)
        raise ConnectionError("no network")

    monkeypatch.setattr("datasets.load_dataset_builder", builder)
    assert "cannot be reached" in refusal(HUB_DATASET)
    assert len(asked["revision"]) == 40
