"""What can be known of NVIDIA's LSTM without an NVIDIA GPU: its weights, its refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import rnn

import recur


T, B, I, H = 6, 3, 4, 5


def example(bias=True):
    cell = recur.lstm(H, bias=bias)
    params = cell.init(jax.random.key(0), I)
    shapes = jax.tree.leaves(params)
    keys = jax.random.split(jax.random.key(1), len(shapes))
    leaves = [jax.random.normal(k, s.shape) for k, s in zip(keys, shapes, strict=True)]
    params = jax.tree.unflatten(jax.tree.structure(params), leaves)
    return cell, params, jax.random.normal(jax.random.key(2), (T, B, I))


@pytest.mark.parametrize("bias", [True, False])
def test_packed_weights_are_those_of_the_reference_of_jax(bias):
    cell, params, xs = example(bias)
    weights = rnn.unpack_lstm_weights(recur.cudnn.pack(params), I, H, 1, False)
    zeros = jnp.zeros((1, B, H))
    lengths = jnp.full(B, T, jnp.int32)
    theirs, h, c = rnn.lstm_ref(
        xs.swapaxes(0, 1), zeros, zeros, *weights, lengths, I, H, 1, 0.0, False
    )
    state, ys = recur.unroll(cell, params, xs)
    np.testing.assert_allclose(ys, theirs.swapaxes(0, 1), atol=1e-6)
    np.testing.assert_allclose(state.h, h[0], atol=1e-6)
    np.testing.assert_allclose(state.c, c[0], atol=1e-6)


@pytest.mark.skipif(jax.default_backend() == "gpu", reason="there is a GPU")
def test_without_a_gpu_it_is_refused_in_one_line():
    cell, params, xs = example()
    message = "cudnn: needs an NVIDIA GPU, but the backend of JAX is cpu"
    with pytest.raises(ValueError, match=message):
        recur.unroll(cell, params, xs, engine=recur.cudnn.engine)


def refused(cell, params, xs, **options):
    return lambda: recur.unroll(cell, params, xs, engine=recur.cudnn.engine, **options)


def refusals():
    cell, params, xs = example()
    other = recur.coupled_lstm(H)
    changed = cell._replace(step=lambda p, s, u: cell.step(p, s, 2 * u))
    narrow = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
    only = "the cell must be recur.lstm"
    return {
        "another cell": (refused(other, other.init(jax.random.key(0), I), xs), only),
        "another step": (refused(changed, params, xs), only),
        "lengths": (refused(cell, params, xs, lengths=[1, 2, 3]), "does not support lengths"),
        "bfloat16": (refused(cell, narrow, xs.astype(jnp.bfloat16)), "must be float32"),
        "no batch": (refused(cell, params, xs[:, 0]), r"must be \[T, B, I\]"),
        "no step": (refused(cell, params, xs[:0]), r"must be \[T, B, I\]"),
    }


@pytest.mark.parametrize("name", refusals())
def test_what_it_cannot_compute_is_refused_in_one_line(name):
    call, message = refusals()[name]
    with pytest.raises((TypeError, ValueError), match=f"cudnn: .*{message}") as caught:
        call()
    assert "\n" not in str(caught.value)
