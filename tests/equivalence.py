"""Every engine against the plain scan, for every cell: the matrix.

    python -m tests.equivalence

prints, for each cell and engine and each way to run a sequence, the largest difference
of values, gradients and directional derivatives (jvp) from the plain scan, relative to
the largest entry, in float64. A dash is an engine that refuses the cell.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import recur


T, I, B, H = 7, 3, 3, 4

LENGTHS = np.array([7, 4, 1])
RESETS = np.zeros((T, B), bool)
RESETS[[3, 2, 5], [0, 1, 0]] = True

ENGINES = {
    "checkpointed": recur.engines.checkpointed,
    "chunked": recur.engines.chunks_of(3),
    "hoisted": recur.engines.hoisted,
    "associative": recur.engines.associative,
}

AFFINE = {"lru", "mingru", "minlstm"}
"""The cells that the associative engine takes; it refuses all others."""


class Way(NamedTuple):
    """A way to run a sequence."""

    lengths: np.ndarray | None = None
    resets: np.ndarray | None = None
    reverse: bool = False
    depth: int = 1


WAYS = {
    "masks": Way(lengths=LENGTHS),
    "resets": Way(resets=RESETS),
    "reverse": Way(lengths=LENGTHS, resets=RESETS, reverse=True),
    "depth": Way(lengths=LENGTHS, resets=RESETS, depth=2),
}


def takes(name: str, engine: str) -> bool:
    """Whether the engine takes the cell."""
    return engine != "associative" or name in AFFINE


@functools.cache
def results(name, way, scan):
    """Value, gradients and jvp of one number made of all that comes out, as NumPy."""
    way = WAYS[way]
    cell = recur.CELLS[name](H)
    layer = recur.stack([recur.one_way(cell, reverse=way.reverse)] * way.depth)

    def number(params, xs, state):
        out = layer.apply(
            params, xs, state, lengths=way.lengths, resets=way.resets, engine=scan
        )
        return sum(jnp.sin(leaf * 3).sum() for leaf in jax.tree.leaves(out))

    xs = jax.ShapeDtypeStruct((T, B, I), float)
    params = jax.eval_shape(lambda key: layer.init(key, I), jax.random.key(0))
    shapes = params, xs, jax.eval_shape(layer.apply, params, xs)[0]

    @jax.jit
    def run(inputs, along):
        value, grads = jax.value_and_grad(number, argnums=(0, 1, 2))(*inputs)
        return value, grads, jax.jvp(number, inputs, along)[1]

    return jax.tree.map(np.asarray, run(randomized(1, shapes), randomized(2, shapes)))


def randomized(seed, tree):
    """A tree of random entries in these shapes, distinct and not zero."""
    random = np.random.RandomState(seed)
    return jax.tree.map(lambda leaf: 0.5 * random.randn(*leaf.shape), tree)


def difference(name: str, way: str, engine: str) -> tuple[float, float, float]:
    """The largest relative differences of value, gradients and jvp."""
    with jax.enable_x64(True):
        plain = results(name, way, jax.lax.scan)
        other = results(name, way, ENGINES[engine])

    def largest(a, b):
        pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
        tiny = np.finfo(float).tiny
        return max(np.abs(x - y).max() / max(np.abs(x).max(), tiny) for x, y in pairs)

    return tuple(largest(a, b) for a, b in zip(plain, other, strict=True))


def main():
    """Print the matrix in Markdown."""
    print(f"| cell | engine | {' | '.join(WAYS)} |\n|---|---|{'---|' * len(WAYS)}")
    for name in recur.CELLS:
        for engine in ENGINES:
            row = [name, engine]
            for way in WAYS:
                parts = difference(name, way, engine) if takes(name, engine) else ()
                row.append(" ".join(f"{part:.0e}" for part in parts) or "-")
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
