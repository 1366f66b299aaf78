# SPDX-License-Identifier: Apache-2.0
"""Checks of values, precision and compilation."""

import jax
import jax.numpy as jnp
import numpy as np

from recur.testing import contract
from recur.testing.subject import BATCH, Subject, fail, named_leaves


def nothing_is_traced_twice(subject: Subject) -> None:
    """A final state can be an initial one without another compilation."""
    traced = []

    @jax.jit
    def run(params, xs, state):
        traced.append(xs.shape)
        return subject.unroll(subject.cell, params, xs, state)

    state = subject.cell.initial_state(subject.params, (BATCH,))
    for _ in range(2):
        state, _ = run(subject.params, subject.xs, state)
    if len(traced) > 1:
        fail(
            "jit: the final state as an initial one compiles the loop again",
            "its dtype or weak type differs from that of initial_state",
        )


def every_precision_stays_its_own(subject: Subject) -> None:
    """The state stays in bfloat16 and in float64; values and gradients are finite."""
    with jax.enable_x64(True):
        for dtype in (jnp.bfloat16, jnp.float64):
            low = jax.tree.map(lambda x, d=dtype: x.astype(d), (subject.params, subject.xs))
            other = subject._replace(params=low[0], xs=low[1])
            contract.the_initial_state_fits_any_batch(other)
            contract.step_keeps_shapes_and_dtypes(other)

            def loss(params, xs):
                state, ys = subject.unroll(subject.cell, params, xs)
                return jnp.sum(ys), (state, ys)

            grads, (state, ys) = jax.jit(jax.grad(loss, (0, 1), has_aux=True))(*low)
            trees = {"state": state, "ys": ys, "gradient": grads}
            for root, tree in trees.items():
                for name, leaf in named_leaves(tree, root):
                    if not jnp.isfinite(leaf).all():
                        fail(
                            f"precision: {name} is not finite in {jnp.dtype(dtype)}",
                            "a number is out of range, or a difference is rounded to 0",
                        )


def values_equal_the_reference(subject: Subject) -> None:
    """The outputs in float64 equal the outputs of the NumPy loop."""
    if subject.reference is None:
        return
    with jax.enable_x64(True):
        params, xs = jax.tree.map(
            lambda x: jnp.asarray(x, jnp.float64), (subject.params, subject.xs[:, 0])
        )
        ys = np.asarray(subject.unroll(subject.cell, params, xs)[1])
        wanted = np.asarray(subject.reference(jax.tree.map(np.asarray, params), np.asarray(xs)))
    if ys.shape != wanted.shape:
        fail(
            f"reference: ys are {ys.shape}, the reference gives {wanted.shape}",
            "compare the widths",
        )
    wrong = np.abs(ys - wanted).max(axis=-1) > 1e-10
    if wrong.any():
        step = int(np.argmax(wrong))
        part = "the input part, a bias or the initial state" if step == 0 else "the recurrence"
        fail(
            f"reference: ys differ by {np.abs(ys - wanted).max():.3g} from it, first at "
            f"step {step}",
            f"a gate, the order of blocks or a sign is wrong in {part}",
        )
