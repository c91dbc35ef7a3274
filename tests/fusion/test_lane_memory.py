"""What a lane says of its memory, by which the batcher limits how many are under way."""

import keras
import numpy as np

from skkeras_search.fusion.lane import Lane


def test_arrays_and_their_tensors_are_counted():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    X, y = np.zeros((8, 3), "float32"), np.zeros((8, 1), "float32")
    validation = np.zeros((4, 3), "float32"), np.zeros((4, 1), "float32")
    lane = Lane(model, X, y, {"validation_data": validation})
    arrays = [X, y, *validation]
    assert lane.n_bytes == 2 * sum(array.nbytes for array in arrays)
