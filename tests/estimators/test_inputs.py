import keras
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skkeras_search import KerasClassifier, MultiInput
from tests.estimators import models
from tests.estimators.data import X_iris, names_iris, weights, y_iris


def classifier(model=models.mlp, **kwargs):
    return KerasClassifier(model, **{"verbose": 0, "random_state": 0, **kwargs})


@pytest.mark.parametrize(
    "container", [sparse.csr_matrix, sparse.csc_array, sparse.dok_array]
)
def test_sparse_is_as_dense(container):
    X = np.where(X_iris > 3, X_iris, 0)
    dense, from_sparse = classifier().fit(X, y_iris), classifier().fit(container(X), y_iris)
    np.testing.assert_allclose(weights(dense), weights(from_sparse), rtol=1e-4)
    np.testing.assert_allclose(
        dense.predict_proba(X), from_sparse.predict_proba(container(X)), rtol=1e-4
    )


def test_sparse_input_layer():
    def build():
        model = keras.Sequential(
            [keras.Input((4,), sparse=True), keras.layers.Dense(3, activation="softmax")]
        )
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    X = sparse.csr_array(np.where(X_iris > 3, X_iris, 0))
    assert classifier(build).fit(X, y_iris).predict(X).shape == (150,)


def test_pandas_in_and_out_of_the_preprocessing():
    frame = pd.DataFrame(X_iris, columns=list("abcd"))
    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), classifier())
    pipeline.fit(frame, pd.Series(names_iris))
    assert list(pipeline[-1].feature_names_in_) == list("abcd")
    assert pipeline.predict(frame).shape == (150,)


@pytest.mark.parametrize("dtype", ["category", "string", "object"])
def test_labels_of_pandas(dtype):
    labels = pd.Series(names_iris).astype(dtype)
    fitted = classifier().fit(X_iris, labels)
    assert list(fitted.classes_) == ["setosa", "versicolor", "virginica"]
    assert 0 <= fitted.score(X_iris, labels) <= 1


def test_mixed_columns_through_a_column_transformer():
    frame = pd.DataFrame({"n": X_iris[:, 0], "c": names_iris})
    encode = make_column_transformer((StandardScaler(), ["n"]), (OneHotEncoder(), ["c"]))
    scores = cross_val_score(make_pipeline(encode, classifier()), frame, y_iris, cv=2)
    assert np.isfinite(scores).all()


def text_and_number():
    lookup = keras.layers.StringLookup(vocabulary=["small", "large"], output_mode="one_hot")
    size = keras.Input((1,), dtype="string", name="size")
    length = keras.Input((1,), name="length")
    joined = keras.layers.Concatenate()([lookup(size), length])
    model = keras.Model([size, length], keras.layers.Dense(3, activation="softmax")(joined))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def test_columns_of_text_and_numbers_feed_their_inputs():
    size = np.where(X_iris[:, 0] > 5.8, "large", "small")
    frame = pd.DataFrame({"length": X_iris[:, 2], "size": size})
    scores = cross_val_score(classifier(text_and_number), frame, y_iris, cv=2)
    assert np.isfinite(scores).all()
    by_name = classifier(text_and_number).fit(frame, y_iris)
    by_array = classifier(text_and_number).fit(
        {"size": size[:, np.newaxis], "length": X_iris[:, 2]}, y_iris
    )
    np.testing.assert_allclose(weights(by_name), weights(by_array), rtol=1e-5)


def test_groups_of_columns_feed_their_inputs():
    columns = pd.MultiIndex.from_tuples([("first", "a"), *(("rest", c) for c in "bcd")])
    frame = pd.DataFrame(X_iris, columns=columns)
    grouped = classifier(models.two_inputs).fit(frame, y_iris)
    in_order = classifier(models.two_inputs).fit(X_iris, y_iris)
    np.testing.assert_allclose(weights(grouped), weights(in_order), rtol=1e-5)


def test_rows_of_a_multi_input():
    X = MultiInput({"first": X_iris[:, :1], "rest": X_iris[:, 1:]})
    assert X.shape == (150, 2)
    assert len(X[np.arange(10), ...]) == 10
    assert repr(X[:3]) == "MultiInput(first: (3, 1), rest: (3, 3))"


def test_weights_and_validation_with_several_inputs():
    X = MultiInput([X_iris[:, :1], X_iris[:, 1:]])
    used = (np.arange(150) % 2).astype(float)
    fitted = classifier(models.two_inputs).fit(
        X, y_iris, sample_weight=used, validation_data=(X[:9], y_iris[:9])
    )
    assert np.isfinite(fitted.history_["val_loss"]).all()


def test_a_feature_encoder_of_the_users():
    from sklearn.preprocessing import FunctionTransformer

    class Split(KerasClassifier):
        @property
        def feature_encoder(self):
            return FunctionTransformer(lambda X: [X[:, :1], X[:, 1:]])

    split = Split(models.two_inputs, verbose=0, random_state=0).fit(X_iris, y_iris)
    whole = classifier(models.two_inputs).fit(X_iris, y_iris)
    np.testing.assert_allclose(weights(split), weights(whole), rtol=1e-5)


def test_sequences_of_any_length():
    def build():
        inputs = keras.Input((None, 2))
        pooled = keras.layers.GlobalAveragePooling1D()(inputs)
        model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(pooled))
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    fitted = classifier(build).fit(np.zeros((150, 5, 2)), y_iris)
    assert fitted.predict(np.zeros((3, 5, 2))).shape == (3,)


def text_model():
    lookup = keras.layers.StringLookup(vocabulary=["small", "large"], output_mode="one_hot")
    inputs = keras.Input((1,), dtype="string")
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(lookup(inputs)))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def test_a_column_of_text():
    size = np.where(X_iris[:, :1] > 5.8, "large", "small")
    frame = pd.DataFrame(size, columns=["size"])
    fits = [classifier(text_model).fit(X, y_iris) for X in (size, frame, size.ravel())]
    np.testing.assert_array_equal(weights(fits[0]), weights(fits[1]))
    np.testing.assert_array_equal(weights(fits[0]), weights(fits[2]))
    assert list(fits[1].feature_names_in_) == ["size"]
    with pytest.raises(ValueError, match="feature names should match"):
        fits[1].predict(frame.rename(columns={"size": "other"}))
