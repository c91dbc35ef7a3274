"""Whatever argument of a class of Keras's differs, a program trains what Keras trains."""

import random

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

from skkeras_search.fusion.program import Program, Progress
from skkeras_search.fusion.signature import signature
from skkeras_search.fusion.step import NotFusibleError, read_state
from tests.fusion.keras_classes import KINDS, batch_for, cases


def check(case, train_alone=False):
    """Check a case; give what was found."""
    try:
        model, other = case.models()
    except Exception:  # whatever Keras raises of what it does not take
        return "refused"
    try:
        first, second = signature(model), signature(other)
    except NotFusibleError:
        return "not fused"
    if first == second:
        outcome = train_by_both(model, other)
        return outcome if outcome != "trained" else "alike"
    outcome = train_by_both(other, other) if train_alone else "trained"
    return outcome if outcome != "trained" else "told apart"


def train_by_both(example, model):
    """Train a model by Keras and by the program of another."""
    x, y = batch_for(model)
    model.optimizer.build(model.trainable_variables)
    before = read_state(model)
    try:
        history = model.fit(x, y, batch_size=4, shuffle=False, verbose=0).history
    except Exception:  # of a value that no constructor looks at
        return "refused"
    after = read_state(model)
    try:
        program = Program(example, (x, y))
        progress = Progress(before, program.fresh_metrics)
        rows = keras.tree.map_structure(keras.ops.convert_to_tensor, (x, y))
        now = program.train(progress, rows, np.arange(4), 4, 1, False)
    except NotFusibleError:
        return "not fused"
    results = dict(zip(program.names, now.results, strict=True))
    theirs = sorted(history.items(), key=lambda item: item[0] != "loss")
    ours = sorted(results.items(), key=lambda item: item[0] != "loss")
    for (_, our), (_, their) in zip(ours, theirs, strict=True):
        assert_allclose(our, their, rtol=1e-4, atol=1e-5)
    ours, theirs = (keras.tree.flatten(state[:3]) for state in (now.state, after))
    for our, their in zip(ours, theirs, strict=True):
        assert_allclose(our, their, rtol=1e-3, atol=1e-4)
    return "trained"


@pytest.mark.parametrize("kind", KINDS)
def test_some_arguments(kind):
    found = list(cases(kind))
    random.Random(0).shuffle(found)
    outcomes = [check(case) for case in found[: 200 if kind == "layers" else 150]]
    assert outcomes.count("told apart") > 20 or kind == "regularizers"


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", KINDS)
def test_every_argument(kind):
    wrong = {}
    for case in cases(kind):
        try:
            check(case, train_alone=True)
        except AssertionError as error:
            wrong[str(case)] = str(error)
    assert not wrong
