"""The state in which a program begins, whatever other threads do with the model."""

import threading

import keras
import numpy as np
import pytest

from skkeras_search.fusion import program as module
from skkeras_search.fusion.cache import program_of
from skkeras_search.fusion.step import build_all, read_state

BATCH = (np.zeros((4, 3), "float32"), np.zeros((4, 1), "float32"))


def make_model():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model


@pytest.mark.parametrize("is_built", [False, True])
def test_an_optimizer_that_another_thread_builds_is_read_whole(monkeypatch, is_built):
    example, model = make_model(), make_model()
    program = program_of(example, BATCH)
    expected = len(program.initial_state(make_model()).optimizer)
    if is_built:
        build_all(model, BATCH)
    thread = threading.Thread(target=build_all, args=(model, BATCH))

    def read_and_wait(model):
        state = read_state(model)
        if not thread.ident:
            thread.start()
            thread.join(timeout=0.5)  # it has no time to build, or waits
        return state

    monkeypatch.setattr(module, "read_state", read_and_wait)
    state = program.initial_state(model)
    thread.join()
    assert len(state.optimizer) == expected
    assert len(model.optimizer.variables) == expected
