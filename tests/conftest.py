"""How JAX compiles and computes under test, and for the tests that ask for it."""

import os

import jax
import pytest


# Nearly all of the tests' time is the compilation of thousands of tiny programs, and these
# flags halve it. The commands that tests start compile as a user's do.
FAST_TO_COMPILE = "--xla_backend_optimization_level=0"
if jax.__version_info__ < (0, 11):
    # Later versions end the process at a flag that they no longer know.
    FAST_TO_COMPILE += " --xla_cpu_use_fusion_emitters=false"


def start_backend():
    """Start JAX on two devices; flags that the caller has set are left as they are."""
    jax.config.update("jax_num_cpu_devices", 2)
    if "XLA_FLAGS" in os.environ:
        return
    os.environ["XLA_FLAGS"] = FAST_TO_COMPILE
    jax.devices()
    del os.environ["XLA_FLAGS"]


start_backend()


@pytest.fixture(scope="session", autouse=True)
def compile_cache(tmp_path_factory):
    """The same tiny program is compiled once, not once a test."""
    jax.config.update("jax_compilation_cache_dir", str(tmp_path_factory.mktemp("xla")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


@pytest.fixture(scope="module", autouse=True)
def forget_programs():
    """A program keeps some ten memory maps, and the kernel grants 65,530 to a process."""
    yield
    jax.clear_caches()


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
