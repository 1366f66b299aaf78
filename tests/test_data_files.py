"""Named files: found, checked, and refused in one line where they are damaged."""

import gzip
import hashlib

import numpy as np
import pytest

from experiments.benchmarks.data import files
from experiments.benchmarks.data.files import DataFile, content, data_directory
from experiments.benchmarks.data.mnist import FILES, parse_idx, read_mnist
from experiments.config.errors import UsageError


WORDS = b"the words of a file"
NAMED = DataFile("a/words.txt", "", hashlib.sha256(WORDS).hexdigest())


def at_home(tmp_path, data):
    """The same file, with a home on this machine."""
    home = tmp_path / "home"
    home.write_bytes(data)
    return NAMED._replace(home=home.as_uri())


def test_a_file_in_the_data_directory_is_read(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / NAMED.path).write_bytes(WORDS)
    assert content(NAMED._replace(home="file:///nowhere"), tmp_path) == WORDS


def test_a_file_that_is_not_there_is_fetched_checked_and_kept(tmp_path):
    data = tmp_path / "data"
    assert content(at_home(tmp_path, WORDS), data) == WORDS
    assert (data / NAMED.path).read_bytes() == WORDS
    assert [p.name for p in (data / "a").iterdir()] == ["words.txt"]


def test_another_file_at_its_home_is_not_kept(tmp_path):
    with pytest.raises(UsageError, match="is not the file it should be: its sha256"):
        content(at_home(tmp_path, b"other words"), tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_without_network_the_line_says_which_file_to_put_where(tmp_path):
    with pytest.raises(UsageError) as refused:
        content(NAMED._replace(home="http://localhost:9/words.txt"), tmp_path)
    line = str(refused.value)
    assert str(tmp_path / NAMED.path) in line and "put the file there" in line
    assert "--data_dir or RECUR_DATA" in line and "\n" not in line


def test_a_changed_file_is_refused(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / NAMED.path).write_bytes(WORDS[:-1])
    with pytest.raises(UsageError, match="is not the file it should be"):
        content(NAMED, tmp_path)


def test_a_packed_file_is_unpacked_and_a_torn_one_refused(tmp_path):
    packed = gzip.compress(WORDS)
    named = NAMED._replace(path="words.gz")
    (tmp_path / "words.gz").write_bytes(packed)
    assert content(named, tmp_path) == WORDS
    (tmp_path / "words.gz").write_bytes(packed[:-9])
    with pytest.raises(UsageError, match="words.gz is damaged"):
        content(named, tmp_path)
    (tmp_path / "words.gz").write_bytes(b"no gzip at all")
    with pytest.raises(UsageError, match="words.gz is damaged"):
        content(named, tmp_path)


def test_the_directory_is_that_of_the_flag_or_of_the_environment(monkeypatch):
    monkeypatch.setenv(files.VARIABLE, "/from/environment")
    assert str(data_directory(None)) == "/from/environment"
    assert str(data_directory("/from/flag")) == "/from/flag"
    monkeypatch.delenv(files.VARIABLE)
    assert str(data_directory(None)) == "data"


def idx(array):
    sizes = np.array(array.shape, ">u4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def test_idx_files_are_arrays_of_bytes():
    array = np.random.default_rng(0).integers(0, 256, (3, 4, 5), np.uint8)
    np.testing.assert_array_equal(parse_idx(idx(array), "here"), array)
    with pytest.raises(UsageError, match="here should hold 60 entries and holds 59"):
        parse_idx(idx(array)[:-1], "here")
    for data in (b"", b"\0\0\x08", b"PNG no", idx(array)[:9]):
        with pytest.raises(UsageError, match="here is not an IDX file"):
            parse_idx(data, "here")


def test_mnist_without_its_files_names_the_first_of_them(tmp_path, monkeypatch):
    named = FILES["train images"]._replace(home="http://localhost:9/x")
    monkeypatch.setitem(FILES, "train images", named)
    with pytest.raises(UsageError, match="train-images-idx3-ubyte.gz is not there"):
        read_mnist(tmp_path)
