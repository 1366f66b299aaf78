"""A checkpoint is what was saved, or it is refused."""

import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest

from experiments.config.errors import UsageError
from experiments.runs.checkpoint import Checkpoints, digests, named_leaves
from experiments.training.trainer import TrainState


STATE = TrainState(
    step=jnp.array([3, 3], jnp.int32),
    params={"recurrent": {"w_h": jnp.array([[1.5, -2.0], [0.25, 3.0]])}},
    opt_state=(jnp.array([0.1, 0.2]), ()),
)


@pytest.fixture
def checkpoints(tmp_path):
    opened = Checkpoints(tmp_path / "lstm")
    yield opened
    opened.close()


def test_leaves_have_readable_names():
    names = ["step", "params.recurrent.w_h", "opt_state.0"]
    assert list(named_leaves(STATE)) == names


def test_nothing_saved_is_nothing_restored(checkpoints):
    assert checkpoints.restore(STATE) is None


def test_what_is_saved_comes_back_with_its_note(checkpoints):
    checkpoints.save(3, STATE, {"seconds": 1.5})
    restored = checkpoints.restore(STATE)
    assert restored.note == {"seconds": 1.5}
    assert isinstance(restored.tree, TrainState)
    for name, leaf in named_leaves(restored.tree).items():
        np.testing.assert_array_equal(leaf, named_leaves(STATE)[name])


def test_a_value_that_changed_without_a_trace_is_found(checkpoints):
    """As orbax reads a flipped bit back: without a word."""
    leaves = named_leaves(STATE)
    changed = {**leaves, "opt_state.0": leaves["opt_state.0"].at[1].add(1e-7)}
    args = ocp.args.Composite(
        state=ocp.args.StandardSave(changed),
        manifest=ocp.args.JsonSave({"digests": digests(leaves), "note": {}}),
    )
    checkpoints.manager.save(3, args=args)
    with pytest.raises(UsageError, match="step 3: leaf opt_state.0 is not what was saved"):
        checkpoints.restore(STATE)


def test_a_template_of_another_dtype_is_no_silent_cast(checkpoints):
    checkpoints.save(3, STATE, {})
    with pytest.raises(UsageError, match="leaf step is not what was saved"):
        checkpoints.restore(STATE._replace(step=STATE.step.astype(jnp.float32)))


def test_digests_know_values_shapes_and_dtypes():
    zeros = [np.zeros(4), np.zeros((2, 2)), np.zeros(4, np.int64), np.zeros(8, np.float32)]
    zeros.append(np.array([0.0, 0, 0, -0.0]))
    found = digests({str(k): array for k, array in enumerate(zeros)})
    assert len(set(found.values())) == len(zeros)
