# SPDX-License-Identifier: Apache-2.0
"""Checks of causality, direction, padding and resets."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from recur.testing.subject import BATCH, STEPS, Subject, differs, fail


LENGTHS = np.array([STEPS, 3, 0])
BORDER = 3
"""The first step of the second segment in the check of resets."""


def nothing_comes_from_the_future_and_something_from_all_the_past(subject: Subject) -> None:
    """dy_t/dx_s is exactly zero for s > t, and not zero for s <= t."""
    # With fresh weights too, since all rectified units can be dead with random ones.
    none = np.zeros((STEPS, BATCH), bool)
    reach = sum(_reach(subject, p, none) for p in (subject.params, subject.fresh))
    future = [(t, s) for t in range(STEPS) for s in range(t + 1, STEPS) if reach[t, s]]
    if future:
        t, s = future[0]
        fail(
            f"causality: y_{t} depends on x_{s}",
            "project mixes steps, or time is reversed",
        )
    lost = [(t, s) for t in range(STEPS) for s in range(t + 1) if not reach[t, s]]
    if lost:
        t, s = lost[0]
        fail(
            f"causality: y_{t} does not depend on x_{s}",
            "a stop_gradient cuts off the past, or step does not use the state or the input",
        )


def reverse_is_flipped_time(subject: Subject) -> None:
    """`reverse=True` equals a run over the flipped sequence, flipped back."""
    cell, params, xs = subject.cell, subject.params, subject.xs
    state, ys = subject.unroll(cell, params, xs, reverse=True)
    flipped, back = subject.unroll(cell, params, xs[::-1])
    if differs((state, ys), (flipped, back[::-1])):
        fail(
            "reverse: it differs from a flipped sequence",
            "the loop must start at the last step, and ys[t] belong to xs[t]",
        )


def lengths_end_a_sequence(subject: Subject) -> None:
    """Past its end a sequence keeps its state; outputs and gradients are zero."""
    cell, params, xs = subject.cell, subject.params, subject.xs
    ends, ys = subject.unroll(cell, params, xs, lengths=LENGTHS)
    for b, length in enumerate(LENGTHS):
        if (ys[length:, b] != 0).any():
            fail(
                f"lengths: outputs past the end, step {length}, are not zero",
                "the loop does not mask them",
            )
        end, y = subject.unroll(cell, params, xs[:length])
        if differs(ys[:length, b], y[:, b]):
            fail("lengths: outputs before the end changed", "the mask is off by one")
        if differs(*(jax.tree.map(lambda leaf, b=b: leaf[b], s) for s in (ends, end))):
            fail(
                f"lengths: the state changes past the end, step {length}",
                "the loop must keep it",
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
                "select inputs with jnp.where before using them",
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
            fail("resets: a reset has no effect", "the loop does not apply it")
        fail(
            "resets: a segment differs from a sequence of its own",
            "a reset must set the whole state to initial_state",
        )
    if _reach(subject, params, resets)[BORDER:, :BORDER].any():
        fail(
            "resets: a gradient crosses a reset",
            "replace the state with jnp.where, do not multiply it by a mask",
        )


def _reach(subject, params, resets):
    """Compute how much y_t depends on x_s, `[T, T]`."""
    size = _jacobian(subject.unroll, subject.cell, params, subject.xs, resets)
    return np.abs(size).sum((1, 2, 4, 5))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _jacobian(unroll, cell, params, xs, resets):
    return jax.jacrev(lambda xs: unroll(cell, params, xs, resets=resets)[1])(xs)
