import keras
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from skkeras_search.estimators.prediction import predict_in_batches

_inputs = keras.Input((3,))
SINGLE = keras.Model(_inputs, keras.layers.Dense(2)(_inputs))
SEVERAL = keras.Model(
    {"a": (_a := keras.Input((1,), name="a")), "b": (_b := keras.Input((2,), name="b"))},
    [
        keras.layers.Dense(2)(keras.layers.Concatenate()([_a, _b])),
        keras.layers.Dense(1)(_a),
    ],
)
X = np.random.default_rng(0).normal(size=(97, 3)).astype("float32")


@settings(deadline=None, max_examples=25)
@given(n_rows=st.integers(1, 97), batch_size=st.integers(1, 100))
def test_batches_change_nothing(n_rows, batch_size):
    rows = X[:n_rows]
    in_batches = predict_in_batches(SINGLE.predict_on_batch, rows, batch_size=batch_size)
    np.testing.assert_allclose(
        in_batches, SINGLE.predict_on_batch(rows), rtol=1e-5, atol=1e-6
    )


@settings(deadline=None, max_examples=10)
@given(n_rows=st.integers(1, 97), batch_size=st.integers(1, 100))
def test_several_inputs_and_outputs(n_rows, batch_size):
    rows = {"a": X[:n_rows, :1], "b": X[:n_rows, 1:]}
    first, second = predict_in_batches(
        SEVERAL.predict_on_batch, rows, batch_size=batch_size
    )
    whole = SEVERAL.predict_on_batch(rows)
    np.testing.assert_allclose(first, whole[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(second, whole[1], rtol=1e-5, atol=1e-6)


def test_size_of_a_call():
    sizes = []

    def noted(rows):
        sizes.append(len(rows))
        return SINGLE.predict_on_batch(rows)

    predict_in_batches(noted, np.zeros((10_000, 3)))
    assert sizes == [4096] * 3  # as many as fit, and one shape
    sizes.clear()
    predict_in_batches(noted, np.zeros((10_000, 3)), at_least=20_000)
    assert sizes == [10_000]
