"""Pixel MNIST, on the real files: orders, scale, labels, chance."""

import jax
import numpy as np
import pytest

from experiments.benchmarks.data.files import data_directory
from experiments.benchmarks.data.mnist import read_mnist
from experiments.benchmarks.vision.pixel_mnist import (
    DEVIATION,
    MEAN,
    PERMUTATION_SEED,
    PixelMNIST,
    pixel_mnist,
)
from experiments.config.errors import Refusal
from tests.learning import learned


@pytest.fixture(scope="module")
def digits():
    try:
        return read_mnist(data_directory(None))
    except Refusal as refusal:
        return pytest.skip(str(refusal))


def task(order):
    return pixel_mnist(PixelMNIST(order=order), data_directory(None))


def test_the_orders_show_the_same_pixels(digits):
    _, test = digits
    asked = np.arange(7) * 10_000 // 7
    whole = (test.images[asked].reshape(7, 784) / 255 - MEAN) / DEVIATION
    shuffle = np.random.RandomState(PERMUTATION_SEED).permutation(784)
    expected = {
        "rows": whole.reshape(7, 28, 28),
        "pixels": whole[..., None],
        "permuted": whole[:, shuffle, None],
    }
    for order, images in expected.items():
        batch = task(order).held_out(jax.random.key(0), 7)
        found = np.asarray(batch.inputs).swapaxes(0, 1)
        np.testing.assert_allclose(found, images, atol=1e-5)
        np.testing.assert_array_equal(batch.targets[-1], test.labels[asked])
        assert (batch.weights[:-1] == 0).all() and (batch.weights[-1] == 1).all()


def test_pixels_have_mean_zero_and_deviation_one(digits):
    train, _ = digits
    assert train.images.mean() / 255 == pytest.approx(MEAN, abs=1e-4)
    assert train.images.std() / 255 == pytest.approx(DEVIATION, abs=1e-4)


def test_training_draws_any_image_with_its_label(digits):
    train, _ = digits
    known = {image.tobytes(): label for image, label in zip(*train, strict=True)}
    batch = task("rows").batch(jax.random.key(0), 50)
    pixels = np.asarray((batch.inputs * DEVIATION + MEAN) * 255).round().astype(np.uint8)
    for image, label in zip(pixels.swapaxes(0, 1), batch.targets[-1], strict=True):
        assert known[image.tobytes()] == label


def test_ten_thousand_are_the_whole_test_part(digits):
    _, test = digits
    targets = task("rows").held_out(jax.random.key(0), 10_000).targets[-1]
    np.testing.assert_array_equal(targets, test.labels)


def test_chance_is_the_most_frequent_digit(digits):
    del digits
    assert task("rows").chance["accuracy"] == pytest.approx(0.1135)


def test_rows_are_learned(digits):
    del digits
    assert learned(task("rows"), "gru", steps=150)["accuracy"] > 0.6
