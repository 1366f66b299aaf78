# SPDX-License-Identifier: Apache-2.0
"""Time: its direction, its ends and its borders."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from recur.testing.subject import BATCH, STEPS, Subject, differs, fail


LENGTHS = np.array([STEPS, 3, 0])
BORDER = 3
"""Where the second segment begins in the test of resets."""


def nothing_comes_from_the_future_and_something_from_all_the_past(subject: Subject) -> None:
    """dy_t/dx_s is exactly zero for s > t, and not zero for s <= t."""
    # Under fresh weights too: rectified units may all be dead under random ones.
    none = np.zeros((STEPS, BATCH), bool)
    reach = sum(_reach(subject, p, none) for p in (subject.params, subject.fresh))
    future = [(t, s) for t in range(STEPS) for s in range(t + 1, STEPS) if reach[t, s]]
    if future:
        t, s = future[0]
        fail(
            f"causality: y_{t} depends on x_{s}",
            "a gradient leaks from the future; project mixes steps or time is reversed",
        )
    lost = [(t, s) for t in range(STEPS) for s in range(t + 1) if not reach[t, s]]
    if lost:
        t, s = lost[0]
        fail(
            f"causality: y_{t} does not depend on x_{s}",
            "the past is cut off by a stop_gradient or by a state that is not used, or "
            "the input is not used",
        )


def reverse_is_flipped_time(subject: Subject) -> None:
    """`reverse=True` is the sequence flipped, run, and flipped back."""
    cell, params, xs = subject.cell, subject.params, subject.xs
    state, ys = subject.unroll(cell, params, xs, reverse=True)
    flipped, back = subject.unroll(cell, params, xs[::-1])
    if differs((state, ys), (flipped, back[::-1])):
        fail(
            "reverse: it is not flipped time",
            "the loop must run from the last step and ys[t] belong to xs[t]",
        )


def lengths_end_a_sequence(subject: Subject) -> None:
    """Past its end a sequence keeps its state, gives zeros, and has no gradient."""
    cell, params, xs = subject.cell, subject.params, subject.xs
    ends, ys = subject.unroll(cell, params, xs, lengths=LENGTHS)
    for b, length in enumerate(LENGTHS):
        if (ys[length:, b] != 0).any():
            fail(
                f"lengths: the outputs past the end, step {length}, are not zero",
                "the loop does not mask them",
            )
        end, y = subject.unroll(cell, params, xs[:length])
        if differs(ys[:length, b], y[:, b]):
            fail("lengths: the outputs before the end changed", "the mask is off by one")
        if differs(*(jax.tree.map(lambda leaf, b=b: leaf[b], s) for s in (ends, end))):
            fail(
                f"lengths: the state goes on past the end, step {length}",
                "the loop must freeze it there",
            )

    @jax.jit
    @jax.grad
    def gradient(xs):
        out = subject.unroll(cell, params, xs, lengths=LENGTHS)
        return sum(jnp.sum(leaf) for leaf in jax.tree.leaves(out))

    padding = (np.arange(STEPS)[:, None] >= LENGTHS)[..., None]
    for name, filled in (("zeros", xs), ("NaN", jnp.where(padding, jnp.nan, xs))):
        grads = gradient(filled)
        if not (jnp.where(padding, grads, 0) == 0).all() or jnp.isnan(grads).any():
            fail(
                f"lengths: the gradient past the end is not exactly zero over {name}",
                "what is masked must be selected with jnp.where before it is used",
            )


def resets_begin_one(subject: Subject) -> None:
    """A reset at t acts before x_t: the step starts from the initial state."""
    cell, params, xs = subject.cell, subject.params, subject.xs
    resets = np.zeros((STEPS, BATCH), bool)
    resets[BORDER] = True
    _, ys = subject.unroll(cell, params, xs, resets=resets)
    first, second = (
        subject.unroll(cell, params, part)[1] for part in (xs[:BORDER], xs[BORDER:])
    )
    if differs(ys, jnp.concatenate([first, second])):
        parts = xs[: BORDER + 1], xs[BORDER + 1 :]
        late = [subject.unroll(cell, params, part)[1] for part in parts]
        if not differs(ys, jnp.concatenate(late)):
            fail("resets: a reset at t acts after x_t", "it is off by one step")
        if not differs(ys, subject.unroll(cell, params, xs)[1]):
            fail("resets: a reset is forgotten", "the loop does not apply it")
        fail(
            "resets: after a reset the sequence is not one that begins there",
            "part of the state survives, or another state than the initial one is set",
        )
    if _reach(subject, params, resets)[BORDER:, :BORDER].any():
        fail(
            "resets: a gradient crosses a reset",
            "the state must be replaced by jnp.where, not multiplied by a number",
        )


def _reach(subject, params, resets):
    """`[T, T]`, how much y_t depends on x_s."""
    size = _jacobian(subject.unroll, subject.cell, params, subject.xs, resets)
    return np.abs(size).sum((1, 2, 4, 5))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _jacobian(unroll, cell, params, xs, resets):
    return jax.jacrev(lambda xs: unroll(cell, params, xs, resets=resets)[1])(xs)
