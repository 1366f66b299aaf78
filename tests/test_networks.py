"""Networks: padding, readouts, noise, carry and sites, each against its definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from experiments.benchmarks.terms import correct, cross_entropy, last_term
from experiments.networks.base import Batch, Decoding
from experiments.networks.embed import embedding, numbers, one_hot
from experiments.networks.recurrent import make_recurrent
from experiments.networks.sequence import sequence_network
from recur import flow


T, B, V, CLASSES = 7, 3, 5, 4
LENGTHS = jnp.array([7, 4, 1])


def batch_of(readout, key=0):
    ids, targets = (
        jax.random.randint(k, (T, B), 0, n)
        for k, n in zip(jax.random.split(jax.random.key(key)), (V, CLASSES), strict=True)
    )
    weights = (jnp.arange(T)[:, None] < LENGTHS).astype(float)
    if readout == "last_valid":
        return Batch(ids, targets[0], lengths=LENGTHS)
    return Batch(ids, targets, weights, LENGTHS)


def alone(batch, b):
    """Sequence b by itself, without padding."""
    n = int(LENGTHS[b])
    targets = batch.targets[b : b + 1]
    if batch.targets.ndim == 2:
        targets = batch.targets[:n, b : b + 1]
    return Batch(batch.inputs[:n, b : b + 1], targets)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("readout", ["every_step", "last_valid"])
def test_padding_changes_neither_loss_nor_gradient(readout, layers):
    recurrent = make_recurrent(recur.gru(4), layers)
    net = sequence_network(embedding(V, 3), CLASSES, readout)(recurrent)
    params = net.init(jax.random.key(1))
    batch = batch_of(readout)

    def loss(params, batch):
        return cross_entropy(net.apply(params, batch, None, None)[0], batch)[0]

    whole = jax.value_and_grad(loss)(params, batch)
    parts = [jax.value_and_grad(loss)(params, alone(batch, b)) for b in range(B)]
    summed = jax.tree.map(lambda *leaves: sum(leaves), *parts)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
                 whole, summed)  # fmt: skip


def test_lengths_alone_leave_padding_out_of_the_loss():
    batch = batch_of("every_step")
    logits = jax.random.normal(jax.random.key(20), (T, B, CLASSES))
    for terms in (cross_entropy, correct):
        explicit = terms(logits, batch)
        np.testing.assert_array_equal(terms(logits, batch._replace(weights=None)), explicit)
        every = terms(logits, batch._replace(weights=None, lengths=None))
        assert every[1] == T * B and explicit[1] == LENGTHS.sum()
    last = last_term(batch._replace(weights=None)).weights
    np.testing.assert_array_equal(last, last_term(batch).weights)


def test_an_impossible_network_is_refused():
    with pytest.raises(ValueError, match="readout must be one of every_step, last_valid"):
        sequence_network(one_hot(V), CLASSES, "last_valdi")
    for embed, outputs, readout in (
        (one_hot(V), CLASSES, "every_step"),
        (numbers(V), V, "every_step"),
        (one_hot(V), V, "last_valid"),
    ):
        with pytest.raises(ValueError, match="reads and predicts the same ids"):
            sequence_network(embed, outputs, readout, generates=True)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_site_has_the_gradient_of_the_whole_network(layers):
    """dL/dparams of a layer = sum over t of (ds_t/dparams)^T adjoint_t."""
    net = sequence_network(one_hot(V), CLASSES)(make_recurrent(recur.lstm(4), layers))
    params = net.init(jax.random.key(2))
    batch = batch_of("every_step")._replace(lengths=None)
    loss = lambda params: cross_entropy(net.apply(params, batch, None, None)[0], batch)[0]
    grads = jax.grad(loss)(params)["recurrent"]
    sites = net.sites(params, batch, cross_entropy)
    assert list(sites) == list(net.site_names) == [f"layer{i + 1}" for i in range(layers)]
    for index, site in enumerate(sites.values()):
        assert site.xs.shape[-1] == (V if index == 0 else 4)
        found = flow.contributions(site.cell, site.params, site.xs, site.loss).gradient
        wanted = grads if layers == 1 else grads[index]
        assert set(wanted) == set(found._fields)
        for name, leaf in found._asdict().items():
            np.testing.assert_allclose(leaf, wanted[name], rtol=2e-4, atol=1e-6)


def test_a_last_valid_readout_reads_the_last_valid_step():
    recurrent = make_recurrent(recur.rnn(4))
    every, last = (sequence_network(one_hot(V), CLASSES, r)(recurrent) for r in
                   ("every_step", "last_valid"))  # fmt: skip
    params = every.init(jax.random.key(3))
    batch = batch_of("last_valid")
    all_steps, _ = every.apply(params, batch, None, None)
    logits, _ = last.apply(params, batch, None, None)
    expected = all_steps[LENGTHS - 1, jnp.arange(B)]
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-6)


def test_an_empty_sequence_is_read_as_zero():
    net = sequence_network(one_hot(V), CLASSES, "last_valid")(make_recurrent(recur.rnn(4)))
    params = net.init(jax.random.key(3))
    batch = batch_of("last_valid")._replace(lengths=jnp.array([0, 4, 7]))
    logits, _ = net.apply(params, batch, None, None)
    np.testing.assert_array_equal(logits[0], params["readout"]["bias"])


def test_embeddings_are_rows_of_a_matrix_and_numbers_are_themselves():
    net = sequence_network(embedding(V, 3), CLASSES)(make_recurrent(recur.rnn(4)))
    params = net.init(jax.random.key(4))
    assert params["embed"]["embedding"].shape == (V, 3)
    batch = batch_of("every_step")._replace(lengths=None)
    (site,) = net.sites(params, batch, cross_entropy).values()
    np.testing.assert_array_equal(site.xs, params["embed"]["embedding"][batch.inputs])
    xs = jax.random.normal(jax.random.key(5), (T, B, 2))
    plain = sequence_network(numbers(2), CLASSES)(make_recurrent(recur.rnn(4)))
    sites = plain.sites(plain.init(jax.random.key(6)), batch._replace(inputs=xs), cross_entropy)
    np.testing.assert_array_equal(sites["layer1"].xs, xs)


def test_streams_start_from_the_initial_state_where_the_batch_says_so():
    """A learned initial state has a gradient through a stream that starts."""
    cell = recur.learned_state(recur.gru(4))
    net = sequence_network(one_hot(V), CLASSES)(make_recurrent(cell))
    params = net.init(jax.random.key(7))
    batch = batch_of("every_step")._replace(lengths=None)
    _, carry = net.apply(params, batch, None, None)

    def run(params, first):
        streams = batch._replace(first=jnp.array(first))
        return net.apply(params, streams, carry, None)[0]

    fresh, _ = net.apply(params, batch, None, None)
    np.testing.assert_array_equal(run(params, True), fresh)
    assert (run(params, False) != fresh).any()
    for first in (True, False):
        grads = jax.grad(lambda p, f=first: jnp.square(run(p, f)).sum())(params)
        start = jax.tree.leaves(grads["recurrent"]["start"])
        assert all(bool((leaf != 0).any()) == first for leaf in start)


def test_a_key_switches_noise_on():
    net = sequence_network(one_hot(V), CLASSES)(
        make_recurrent(recur.state_dropout(recur.gru(4), 0.5))
    )
    params = net.init(jax.random.key(8))
    batch = batch_of("every_step")
    run = lambda key: net.apply(params, batch, None, key)[0]
    plain = sequence_network(one_hot(V), CLASSES)(make_recurrent(recur.gru(4)))
    inner = {**params, "recurrent": params["recurrent"]["inner"]}
    np.testing.assert_array_equal(run(None), plain.apply(inner, batch, None, None)[0])
    one, other = (run(jax.random.key(seed)) for seed in (0, 1))
    assert (one != other).any() and (one != run(None)).any()
    np.testing.assert_array_equal(one, run(jax.random.key(0)))


def test_a_stream_of_a_noisy_cell_goes_on_with_new_noise():
    """Zoneout keeps keys in its state; the carry has none, and the same structure."""
    net = sequence_network(one_hot(V), CLASSES)(
        make_recurrent(recur.zoneout(recur.gru(4), 0.5), 2)
    )
    params = net.init(jax.random.key(10))
    batch = batch_of("every_step")._replace(lengths=None)
    plain, carry = net.apply(params, batch, None, None)
    assert not any(jnp.issubdtype(x.dtype, jax.dtypes.prng_key) for x in
                   jax.tree.leaves(carry))  # fmt: skip

    def run(first, seed):
        streams = batch._replace(first=jnp.array(first))
        return net.apply(params, streams, carry, jax.random.key(seed))

    fresh, after = run(True, 0)
    assert jax.tree.structure(after) == jax.tree.structure(carry)
    np.testing.assert_array_equal(
        fresh, net.apply(params, batch, None, jax.random.key(0))[0]
    )
    assert (run(False, 0)[0] != fresh).any() and (run(True, 1)[0] != fresh).any()
    assert (fresh != plain).any()


def test_writing_is_reading_back():
    """A greedy text step by step is the argmax of the logits of the whole text."""
    net = sequence_network(one_hot(V), V, generates=True)(make_recurrent(recur.lstm(6)))
    params = jax.tree.map(lambda leaf: 3 * leaf, net.init(jax.random.key(9)))
    prompt = jnp.array([[1], [4]])
    ids, lengths = net.decode(params, prompt, jax.random.key(0), Decoding(1.0, 1, 9))
    assert ids.shape == (9, 1) and lengths.tolist() == [9]
    text = jnp.concatenate([prompt, ids])
    logits, _ = net.apply(params, Batch(text, None), None, None)
    np.testing.assert_array_equal(logits[1:-1].argmax(-1), ids)


def test_the_last_term_is_that_of_the_last_weighted_step():
    batch = batch_of("every_step")
    last = last_term(batch).weights
    assert last.sum(0).tolist() == [1, 1, 1]
    assert last[LENGTHS - 1, jnp.arange(B)].tolist() == [1, 1, 1]
    whole = last_term(batch._replace(weights=None, lengths=None)).weights
    assert whole[-1].tolist() == [1, 1, 1] and whole.sum() == B
    one = batch_of("last_valid")
    assert last_term(one) is one
