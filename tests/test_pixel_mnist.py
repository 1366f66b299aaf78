"""Pixel MNIST, on the real files: orders, scale, labels, splits, chance."""

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarks.data.files import data_directory
from experiments.benchmarks.data.mnist import Digits, read_mnist
from experiments.benchmarks.vision import pixel_mnist as module
from experiments.benchmarks.vision.pixel_mnist import (
    DEVIATION,
    MEAN,
    PERMUTATION_SEED,
    PixelMNIST,
    pixel_mnist,
)
from experiments.config.errors import UsageError
from tests.batches import drawn
from tests.learning import learned


@pytest.fixture(scope="module")
def digits():
    try:
        return read_mnist(data_directory(None))
    except UsageError as refused:
        return pytest.skip(str(refused))


def task(order="rows", **options):
    return pixel_mnist(PixelMNIST(order, **options), data_directory(None))


def pixels_of(batch):
    pixels = (np.asarray(batch.inputs).swapaxes(0, 1) * DEVIATION + MEAN) * 255
    return pixels.round().astype(np.uint8)


def test_the_orders_show_the_same_pixels(digits):
    _, test = digits
    whole = (test.images[:7].reshape(7, 784) / 255 - MEAN) / DEVIATION
    shuffle = np.random.RandomState(PERMUTATION_SEED).permutation(784)
    expected = {
        "rows": whole.reshape(7, 28, 28),
        "pixels": whole[..., None],
        "permuted": whole[:, shuffle, None],
    }
    for order, images in expected.items():
        batch = drawn(task(order).test, 7)
        found = np.asarray(batch.inputs).swapaxes(0, 1)
        np.testing.assert_allclose(found, images, atol=1e-5)
        np.testing.assert_array_equal(batch.targets[-1], test.labels[:7])
        assert (batch.weights[:-1] == 0).all() and (batch.weights[-1] == 1).all()


def test_pixels_have_mean_zero_and_deviation_one(digits):
    train, _ = digits
    assert train.images.mean() / 255 == pytest.approx(MEAN, abs=1e-4)
    assert train.images.std() / 255 == pytest.approx(DEVIATION, abs=1e-4)


def test_training_draws_any_image_with_its_label(digits):
    train, _ = digits
    known = {image.tobytes(): label for image, label in zip(*train, strict=True)}
    batch = drawn(task().train, 50)
    for image, label in zip(pixels_of(batch), batch.targets[-1], strict=True):
        assert known[image.tobytes()] == label


@pytest.fixture
def numbered(monkeypatch):
    """Images that show their own index, in place of MNIST."""
    index = np.arange(60_000)
    images = np.zeros((60_000, 28, 28), np.uint8)
    images[:, 0, :3] = np.stack([index >> 16, index >> 8 & 255, index & 255], axis=1)
    train = Digits(images, (index % 10).astype(np.uint8))
    test = Digits(images[:100] + np.uint8(1), train.labels[:100])

    def read(directory):
        del directory
        return train, test

    monkeypatch.setattr(module, "read_mnist", read)


def indices(batch):
    return pixels_of(batch)[:, 0, :3].astype(int) @ [1 << 16, 1 << 8, 1]


def test_no_image_is_in_two_parts_and_each_is_in_one(numbered, tmp_path):
    del numbered
    small = pixel_mnist(PixelMNIST(validation=50_000), tmp_path)
    train = indices(drawn(small.train, 50_000))
    assert train.max() < 10_000 and len(np.unique(train)) > 9_800
    assert indices(drawn(small.flow, 5_000)).min() >= 10_000
    small = pixel_mnist(PixelMNIST(validation=7), tmp_path)
    assert small.validation.size == 7 and small.test.size == 100
    parts = [indices(drawn(small.validation, 3, step=step)) for step in range(3)]
    weights = [drawn(small.validation, 3, step=step).weights[-1] for step in range(3)]
    shown = np.concatenate(parts)[np.concatenate(weights) > 0]
    np.testing.assert_array_equal(shown, np.arange(59_993, 60_000))
    assert len(small.train.arrays[0]) + small.validation.size == 60_000


def test_padding_changes_nothing(numbered, tmp_path):
    """Seven images by threes have the sums and counts of all at once."""
    del numbered
    small = pixel_mnist(PixelMNIST(validation=7), tmp_path)
    measures = [small.loss, *(metric.terms for metric in small.metrics.values())]

    def terms(batch):
        # Logits that differ from image to image.
        logits = jnp.sin(batch.inputs.sum(-1)[..., None] * jnp.arange(1, 11))
        return np.array([measure(logits, batch) for measure in measures])

    parts = sum(terms(drawn(small.validation, 3, step=step)) for step in range(3))
    whole = terms(drawn(small.validation, 7))
    np.testing.assert_allclose(parts, whole, rtol=1e-6)
    assert (whole[:, 1] == 7).all()


def test_the_test_part_is_read_whole(digits):
    _, test = digits
    batches = [drawn(task().test, 4_000, step=step) for step in range(3)]
    targets = np.concatenate([batch.targets[-1] for batch in batches])
    real = np.concatenate([batch.weights[-1] for batch in batches]) > 0
    np.testing.assert_array_equal(targets[real], test.labels)


def test_chance_is_the_most_frequent_digit(digits):
    del digits
    assert task().memoryless["accuracy"] == pytest.approx(0.1135)


@pytest.mark.parametrize("count", [0, 50_001])
def test_illegal_validation_parts_are_refused(count):
    with pytest.raises(ValueError, match="^validation must be between 1 and 50,000"):
        PixelMNIST(validation=count)


def test_rows_are_learned(digits):
    del digits
    assert learned(task(validation=500), "gru", steps=150)["accuracy"] > 0.6
