"""Fixtures that change how JAX computes, for the tests that ask for them."""

import jax
import pytest


# For the tests of what runs on several devices.
jax.config.update("jax_num_cpu_devices", 2)


@pytest.fixture(scope="session", autouse=True)
def compile_cache(tmp_path_factory):
    """The same tiny program is compiled once, not once a test."""
    jax.config.update("jax_compilation_cache_dir", str(tmp_path_factory.mktemp("xla")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


@pytest.fixture
def strict():
    """No silent promotion of dtypes: what JAX would mix is an error."""
    with jax.numpy_dtype_promotion("strict"):
        yield


@pytest.fixture
def x64():
    """Double precision."""
    with jax.enable_x64(True):
        yield
