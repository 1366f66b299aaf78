"""The conformance kit passes what is right and names what is wrong."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur.testing import check_cell
from tests.reference import CASES, classic


I, H = 4, 5


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_every_cell_passes(case):
    check_cell(case.make(H), I, reference=case.run)


WRAPPED = {
    "learned_state": recur.learned_state(recur.lstm(H)),
    "input_dropout": recur.input_dropout(recur.gru(H), 0.5),
    "state_dropout": recur.state_dropout(recur.gru(H), 0.5),
    "drop_connect": recur.drop_connect(recur.gru(H), 0.5),
    "zoneout": recur.zoneout(recur.lstm(H), 0.1, 0.2),
}


@pytest.mark.parametrize("cell", WRAPPED.values(), ids=WRAPPED.keys())
def test_wrapped_cells_pass_at_rest(cell):
    check_cell(cell, I)


LSTM, GRU, RNN = recur.lstm(H), recur.gru(H), recur.rnn(H)


def stepping(cell):
    """A cell with another step: the decorated function gets that of the right one last."""

    def decorate(step):
        return cell._replace(step=lambda p, s, u: step(p, s, u, cell.step))

    return decorate


def projecting(change):
    """An RNN whose projection is `change` of the right one."""
    return RNN._replace(project=lambda params, xs: change(RNN.project(params, xs)))


@stepping(LSTM)
def other_dtype(params, state, u, step):
    state, _ = step(params, state, u)
    state = state._replace(c=state.c.astype(jnp.float16))
    return state, state.h


@stepping(RNN)
def other_shape(params, h, u, step):
    h, y = step(params, h, u)
    return h[..., None], y


@stepping(LSTM)
def other_type(params, state, u, step):
    state, y = step(params, state, u)
    return tuple(state), y


@stepping(RNN)
def reads_out(params, h, u, step):
    h, y = step(params, h, u)
    return h, 2 * y


@stepping(LSTM)
def gives_c(params, state, u, step):
    state, _ = step(params, state, u)
    return state, state.c


@stepping(RNN)
def leaks_between(params, h, u, step):
    h, _ = step(params, h, u)
    h = h - h.mean(axis=0) if h.ndim > 1 else h
    return h, h


@stepping(RNN)
def detached(params, h, u, step):
    return step(params, jax.lax.stop_gradient(h), u)


@stepping(LSTM)
def detached_memory(params, state, u, step):
    return step(params, state._replace(c=jax.lax.stop_gradient(state.c)), u)


@stepping(RNN)
def forgetful(params, h, u, step):
    return step(params, 0 * h, u)


@stepping(RNN)
def normed(params, h, u, step):
    h = h / (1e-3 + jnp.sqrt(jnp.square(h).sum(-1, keepdims=True)))
    return step(params, h, u)


@stepping(RNN)
def constant(params, h, u, step):
    h, _ = step(params, h, u)
    h = h * jnp.full(H, 0.5, jnp.float32)
    return h, h


@stepping(RNN)
def cancels(params, h, u, step):
    h, _ = step(params, h, u)
    left = 1 - jnp.full((), 0.9999, h.dtype)
    h = h * left / left
    return h, h


@stepping(RNN)
def branching(params, h, u, step):
    h, _ = step(params, h, u)
    h = h if h.sum() > -1e9 else -h
    return h, h


@jax.custom_batching.custom_vmap
def alone(h):
    """The identity, but for a wrong rule of its own for `vmap`."""
    return h


@alone.def_vmap
def _(size, batched, h):
    del size, batched
    return h[::-1], True


@stepping(RNN)
def wrong_under_vmap(params, h, u, step):
    h, _ = step(params, h, u)
    return alone(h), alone(h)


@stepping(RNN)
def exploding(params, h, u, step):
    h = 1.2 * h + step(params, h, u)[0]
    return h, h


COUNTER = itertools.count(1)


@stepping(RNN)
def counting(params, h, u, step):
    h, _ = step(params, h, u)
    h = h / next(COUNTER)
    return h, h


@jax.custom_jvp
def halved(x):
    """tanh with half of its derivative."""
    return jnp.tanh(x)


halved.defjvp(lambda primals, tangents: (halved(*primals), 0.5 * tangents[0]))


@stepping(RNN)
def wrong_derivative(params, h, u, step):
    del step
    h = halved(h @ params.w_h + u)
    return h, h


@stepping(RNN)
def broken(params, h, u, step):
    return step(params, h[..., 1:], u)


def unused_bias(params, xs):
    return xs @ params.w_x


def integers(key, size):
    return (*RNN.init(key, size), jnp.arange(3))


def unkeyed(key, size):
    return RNN.init(jax.random.fold_in(key, next(COUNTER)), size)


def doubled_float(params, batch_shape):
    del params
    return jnp.zeros((*batch_shape, H), jnp.float16)


def only_float32(params, batch_shape):
    del params
    return jnp.zeros((*batch_shape, H), jnp.float32)


def uneven(params, batch_shape):
    state = RNN.initial_state(params, batch_shape)
    return state + jnp.arange(state.size).reshape(state.shape)


def with_size(batch_shape):
    return lambda params, given: RNN.initial_state(params, batch_shape if given else ())


def leaks_gradient(us):
    """Zero is added, whose gradient is not."""
    later = jnp.roll(us, -1, axis=0)
    return us + (later - jax.lax.stop_gradient(later))


MISTAKES = {
    "a factory": (recur.lstm, "check_cell: needs a Cell, got .* call the factory first"),
    "integer parameters": (
        RNN._replace(init=integers),
        "init: params.3 is int32.* arguments of the factory",
    ),
    "a global generator": (RNN._replace(init=unkeyed), "init: two calls with one key"),
    "no batch": (
        RNN._replace(initial_state=with_size((2,))),
        r"initial_state: state is \(2, 5\) for batch_shape \(3,\): .* use batch_shape",
    ),
    "an initial state of its own dtype": (
        RNN._replace(initial_state=doubled_float),
        "initial_state: state is float16, params are float32: .* dtype of a parameter",
    ),
    "rows that differ": (
        RNN._replace(initial_state=uneven),
        "initial_state: state differs between elements of the batch",
    ),
    "an error": (broken, r"step: raised TypeError for arguments of shapes \(3, 5\)"),
    "a carry of another dtype": (
        other_dtype,
        "step: state.c is float32 before and float16 after: .* cast it",
    ),
    "a carry of another shape": (
        other_shape,
        r"step: state is \(3, 5\) before and \(3, 5, 1\) after",
    ),
    "a carry of another type": (other_type, "step: the state is a .*LSTMState.* in the type"),
    "a readout": (reads_out, "step: y is not state, the first leaf .* readout to the model"),
    "another leaf as output": (gives_c, "step: y is not state.h, the first leaf"),
    "time reversed": (projecting(lambda us: us[::-1]), "project: it reverses time"),
    "a leak from the future": (
        projecting(lambda us: us + jnp.roll(us, -1, axis=0)),
        "project: a whole sequence .* other steps than t, such as the next one",
    ),
    "a gradient alone from the future": (
        projecting(leaks_gradient),
        "causality: y_0 depends on x_1: project mixes steps",
    ),
    "batch first": (
        projecting(lambda us: us.swapaxes(0, 1) if us.ndim > 2 else us),
        r"project: us is \(3, 6, 5\) for xs \(6, 3, 4\): time and batch",
    ),
    "a Python counter": (
        counting,
        "step: a scan over it differs from a Python loop .* counter",
    ),
    "a mean over the batch": (leaks_between, "step: elements of a batch depend on each"),
    "no memory": (forgetful, "y_1 does not depend on x_0: .* does not use the state"),
    "a detached carry": (detached, "causality: y_1 does not depend on x_0: .* stop_gradient"),
    "a detached memory": (
        detached_memory,
        "gradients: along .* finite differences .* a stop_gradient or a custom derivative",
    ),
    "a wrong derivative": (wrong_derivative, "gradients: along params.w_h reverse mode gives"),
    "an unused parameter": (
        RNN._replace(project=unused_bias),
        "gradients: the gradient of params.b is zero: the parameter is not used",
    ),
    "a norm at zero": (normed, "gradients: .* is not finite for inputs of zero"),
    "a branch in Python": (
        branching,
        "raised TracerBoolConversionError: .* cannot be compiled, .* a Python if",
    ),
    "a wrong rule for vmap": (wrong_under_vmap, "vmap: mapped seeds differ from single ones"),
    "a constant of its own dtype": (
        constant,
        "step: state is bfloat16 before and float32 after: .* has another dtype",
    ),
    "two numbers too close": (
        cancels,
        "precision: .* is not finite in bfloat16: .* a difference is rounded to 0",
    ),
    "a state of one precision": (
        RNN._replace(initial_state=only_float32),
        "initial_state: state is float32, params are bfloat16",
    ),
    "growth": (exploding, "adjoints: state of a fresh cell is not finite over 1000 steps"),
}
"""What is wrong -> the cell, and what the kit must say of it."""


@pytest.mark.parametrize(("cell", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_wrong_cell_is_named(cell, message):
    with pytest.raises(AssertionError, match=message) as failure:
        check_cell(cell, I)
    assert "\n" not in str(failure.value)


def swapped(params, xs):
    """An LSTM whose input and forget gates have changed places."""
    blocks = [np.split(leaf, 4, axis=-1) for leaf in params]
    leaves = [np.concatenate([f, i, g, o], axis=-1) for i, f, g, o in blocks]
    return classic.lstm(recur.LSTMParams(*leaves), xs)


def negated(params, xs):
    return classic.rnn(lambda x: -np.tanh(x))(params, xs)


def too_short(params, xs):
    return classic.rnn(np.tanh)(params, xs)[1:]


def off_after_the_first(params, xs):
    return classic.rnn(np.tanh)(params._replace(w_h=params.w_h.T), xs)


@pytest.mark.parametrize(
    ("cell", "reference", "message"),
    [
        (LSTM, swapped, "reference: ys differ .* at step 0: a gate, the order of blocks"),
        (RNN, negated, "at step 0: .* a sign is wrong in the input part"),
        (RNN, off_after_the_first, "at step 1: .* in the recurrence"),
        (RNN, too_short, r"reference: ys are \(6, 5\), the reference gives \(5, 5\)"),
    ],
)
def test_a_difference_from_the_reference_is_told(cell, reference, message):
    with pytest.raises(AssertionError, match=message):
        check_cell(cell, I, reference=reference)


def never_resets(cell, params, xs, state=None, *, lengths=None, resets=None, reverse=False):
    del resets
    return recur.unroll(cell, params, xs, state, lengths=lengths, reverse=reverse)


def resets_late(cell, params, xs, state=None, *, lengths=None, resets=None, reverse=False):
    if resets is not None:
        resets = jnp.concatenate([jnp.zeros_like(resets[:1]), resets[:-1]])
    return recur.unroll(
        cell, params, xs, state, lengths=lengths, resets=resets, reverse=reverse
    )


def resets_in_part(cell, params, xs, state=None, *, lengths=None, resets=None, reverse=False):
    """The memory of an LSTM survives a reset."""
    if resets is None:
        return recur.unroll(cell, params, xs, state, lengths=lengths, reverse=reverse)

    def step(state, inputs):
        x, reset = inputs
        state = state._replace(h=jnp.where(reset[:, None], 0, state.h))
        return cell.step(params, state, cell.project(params, x[None])[0])

    start = cell.initial_state(params, xs.shape[1:-1])
    return jax.lax.scan(step, start, (xs, jnp.asarray(resets)))


def never_ends(cell, params, xs, state=None, *, lengths=None, resets=None, reverse=False):
    del lengths
    return recur.unroll(cell, params, xs, state, resets=resets, reverse=reverse)


def only_zeros(cell, params, xs, state=None, *, lengths=None, resets=None, reverse=False):
    """Outputs are masked and the state is not."""
    state, ys = recur.unroll(cell, params, xs, state, resets=resets, reverse=reverse)
    if lengths is not None:
        valid = jnp.arange(len(xs))[:, None] < jnp.asarray(lengths)
        ys = jnp.where(valid[..., None], ys, 0)
    return state, ys


def never_reverses(cell, params, xs, state=None, *, lengths=None, resets=None, reverse=False):
    del reverse
    return recur.unroll(cell, params, xs, state, lengths=lengths, resets=resets)


def loosens(cell, params, xs, state=None, *, lengths=None, resets=None, reverse=False):
    """The state comes out in a type that it did not go in with."""
    state = None if state is None else recur.LSTMState(*state)
    state, ys = recur.unroll(
        cell, params, xs, state, lengths=lengths, resets=resets, reverse=reverse
    )
    return tuple(state), ys


@pytest.mark.parametrize(
    ("unroll", "message"),
    [
        (loosens, "jit: the final state as an initial one compiles the loop again"),
        (never_resets, "resets: a reset has no effect"),
        (resets_late, "resets: a reset at t acts after x_t: it is off by one"),
        (resets_in_part, "resets: a segment differs .* set the whole state"),
        (never_ends, "lengths: outputs past the end, step 3, are not zero"),
        (only_zeros, "lengths: the state changes past the end, step 3"),
        (never_reverses, "reverse: it differs from a flipped sequence"),
    ],
)
def test_a_wrong_loop_is_named(unroll, message):
    with pytest.raises(AssertionError, match=message):
        check_cell(LSTM, I, unroll=unroll)


def test_the_kit_checks_in_place_of_strangers_too():
    """A cell of Python closures, made by no factory of the library."""
    check_cell(recur.Cell(*map(functools.partial, RNN)), I)
