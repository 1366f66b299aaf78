# SPDX-License-Identifier: Apache-2.0
"""Texts for language models, by name or from a file of the user, and their split."""

import hashlib
import importlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.benchmarks.data.files import DataFile, content
from experiments.config.errors import UsageError, nearest


CORPORA = {
    "tiny_shakespeare": DataFile(
        "tiny_shakespeare/input.txt",
        "https://raw.githubusercontent.com/karpathy/char-rnn/"
        "6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/input.txt",
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    ),
    "truyen_kieu": DataFile(
        "vietnamese_text/truyen_kieu.txt",
        "https://raw.githubusercontent.com/Minh141120/vietnamese-poetry-generator/"
        "fa79d652f225a9c5d5cf7772d95eba3067d73b24/data/truyen_kieu.txt",
        "58ce820d8ef64a7da41048d0eeffc95b3bde3b79af1bb27104ae7ab0b2331890",
    ),
    "war_and_peace": DataFile(
        "warpeace/warpeace_input.txt",
        "https://raw.githubusercontent.com/MrHereward/machine_learning_sandbox/"
        "2d0fdf30f4afbcf01c1b8c7b408e738a0161d613/warpeace_input.txt",
        "b0fc81c399971eaf738c8be89809e6a0d95c151749112b04f06b6af648d8a39f",
    ),
}
"""Name -> file."""

INSIDE = "python_docs"
"""The text that comes inside every Python: the topics of `help()`."""

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
"""Stands for the characters that the training part does not have."""


class Text(NamedTuple):
    """A text.

    Attributes:
      characters: the text itself.
      source: a name, or the last part of a path.
      sha256: hash of its UTF-8 bytes.
    """

    characters: str
    source: str
    sha256: str


class Split(NamedTuple):
    """A text in three parts.

    Attributes:
      train: `[N]` int32, ids of the training part.
      validation: `[N]` ids.
      test: `[N]` ids, possibly none.
      symbols: the symbol of each id.
      notes: facts about the text.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    symbols: tuple[str, ...]
    notes: tuple[str, ...]


def read_text(source: str, encoding: str, directory: Path) -> Text:
    """Read a text by its name or its path.

    Raises:
      UsageError: there is no such text, or it cannot be read as text.
    """
    if source == INSIDE:
        topics = importlib.import_module("pydoc_data.topics").topics
        characters = "\n".join(topics[name] for name in sorted(topics))
    elif source in CORPORA:
        characters = _decode(content(CORPORA[source], directory), "utf-8", source)
    else:
        characters = _decode(_read(Path(source)), encoding, source)
    digest = hashlib.sha256(characters.encode()).hexdigest()
    return Text(characters, Path(source).name, digest)


def split(text: Text, validation: float, test: float, parts: int = 1) -> Split:
    """Cut a text into training, validation and test part.

    Args:
      text: the text.
      validation: share for validation.
      test: share for the test, after validation.
      parts: pieces of equal length, each of which is cut like this.
    """
    length = len(text.characters) // parts
    first, last = (int((1 - share) * length) for share in (validation + test, test))
    pieces = [text.characters[i * length :][:length] for i in range(parts)]
    cuts = slice(first), slice(first, last), slice(last, None)
    train, valid, tested = ("".join(piece[cut] for piece in pieces) for cut in cuts)
    known = sorted(set(train))
    unseen = sorted(set(valid + tested) - set(known))
    symbols = (*known, UNKNOWN) if unseen and UNKNOWN not in known else tuple(known)
    number = {symbol: index for index, symbol in enumerate(symbols)}
    number |= {symbol: number[UNKNOWN] for symbol in unseen}
    notes = [
        f"text {text.source}, sha256 {text.sha256}: {len(train):,} characters to train on, "
        f"{len(valid):,} to validate, {len(tested):,} to test, {len(known)} symbols"
    ]
    if unseen:
        count = sum((valid + tested).count(symbol) for symbol in unseen)
        notes.append(
            f"{count} characters of the validation and test part are not in the training "
            f"part ({', '.join(map(repr, unseen[:9]))}); they are read and counted as "
            f"{UNKNOWN!r}"
        )
    ids = lambda part: np.array([number[symbol] for symbol in part], np.int32)
    return Split(ids(train), ids(valid), ids(tested), symbols, tuple(notes))


def _read(path: Path) -> bytes:
    if path.is_dir():
        raise UsageError(f"--char_lm.text={path} is a directory: name a file in it")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        names = [INSIDE, *CORPORA]
        raise UsageError(
            f"--char_lm.text={path} is neither a file nor one of {', '.join(names)}: did "
            f"you mean {nearest(str(path), names)!r}?"
        ) from None
    except OSError as error:
        raise UsageError(f"--char_lm.text={path} cannot be read ({error.strerror})") from None


def _decode(data: bytes, encoding: str, source: str) -> str:
    try:
        return data.decode(encoding).replace("\r\n", "\n")
    except LookupError:
        raise UsageError(
            f"--char_lm.encoding={encoding} is not an encoding that Python knows: name one "
            f"such as utf-8, latin-1 or utf-16"
        ) from None
    except UnicodeDecodeError as error:
        raise UsageError(
            f"--char_lm.text={source} is not {encoding} at byte {error.start}: name its "
            f"encoding, such as --char_lm.encoding=latin-1"
        ) from None
