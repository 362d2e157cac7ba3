import pytest

from expressions.files import write_atomically


def test_a_write_that_fails_halfway_leaves_the_file_as_it_was(tmp_path):
    (tmp_path / "file").write_text("before")

    def half(path):
        path.write_text("ha")
        raise OSError("No space left on device")

    with pytest.raises(OSError, match=r"cannot write .*file: No space left on device; .*intact"):
        write_atomically(tmp_path / "file", half)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "before")]
