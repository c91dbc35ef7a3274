"""What a lane holds: the batcher limits by it how many are under way."""

import keras
import numpy as np

from skkeras_search.fusion.aligned import aligned_copy
from skkeras_search.fusion.lane import Lane


def lane_of(X, y, **arguments):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return Lane(model, X, y, arguments)


def test_arrays_and_their_tensors_are_counted():
    X, y = np.zeros((8, 3), "float32"), np.zeros((8, 1), "float32")
    validation = np.zeros((4, 3), "float32"), np.zeros((4, 1), "float32")
    lane = lane_of(X, y, validation_data=validation)
    arrays = [X, y, *validation]
    assert sum(lane.memory.values()) == 2 * sum(array.nbytes for array in arrays)


def test_tensors_of_arrays_that_do_not_change_take_no_memory():
    X, y = aligned_copy(np.zeros((8, 3), "float32")), np.zeros((8, 1), "float32")
    assert sum(lane_of(X, y).memory.values()) == X.nbytes + 2 * y.nbytes


def test_lanes_with_the_same_rows_hold_the_same_memory():
    X = aligned_copy(np.zeros((8, 3), "float32"))
    lanes = [lane_of(X, np.zeros((8, 1), "float32")) for _ in range(2)]
    shared = lanes[0].memory.keys() & lanes[1].memory.keys()
    assert [lanes[0].memory[address] for address in shared] == [X.nbytes]


def test_what_a_lane_leaves_keeps_none_of_its_data():
    lane = lane_of(np.zeros((8, 3)), np.zeros((8, 1), "float32"), verbose=0)
    row = keras.tree.flatten(lane.train().metrics.batch)
    assert [(len(array), array.base) for array in row] == [(1, None)] * 2
