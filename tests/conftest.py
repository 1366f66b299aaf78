"""Strict by default: what JAX would promote in silence is an error here."""

import jax
import pytest


jax.config.update("jax_numpy_dtype_promotion", "strict")


@pytest.fixture
def x64():
    """Double precision, for this test alone."""
    with jax.enable_x64(True):
        yield
