"""Pickle a model that Keras cannot restore, by its build function and its weights.

Keras restores a model from a config, which refers to classes by name. A class that is
defined inside the build function cannot be found by name, and the config of a user's class
is often incomplete. The build function can make all of these objects again.
"""

import pickle
from copy import copy, deepcopy
from typing import Any, NamedTuple

import keras
import numpy as np

from skkeras_search.estimators.inputs import take_rows
from skkeras_search.estimators.seeding import call_seeded
from skkeras_search.estimators.serialization import (
    Packed,
    has_custom_parts,
    refuse_python_lambdas,
)

# Attributes that a builder does not need and would keep alive.
OF_A_FIT = ("model_", "callbacks_", "_fit_callbacks", "_predict_batch", "_trained")


class Recipe(NamedTuple):
    """All that is needed to build a model again.

    Attributes
    ----------
    estimator : estimator
        A copy of the estimator as it was when it built the model, without the model.
    row : array, or dict or tuple of arrays, or None
        One row of inputs, for a model that has no weights until it is called.
    """

    estimator: Any
    row: Any

    def make(self) -> keras.Model:
        """Build the model again, with initial weights."""
        builder = copy(self.estimator)
        builder._make_model(lambda: self.row)
        return builder.model_


def builder_of(estimator: Any) -> Any:
    """A copy of an estimator without its model."""
    builder = copy(estimator)
    for name in OF_A_FIT:
        builder.__dict__.pop(name, None)
    return builder


def first_row(inputs: Any) -> Any:
    """A copy of the first row of inputs."""
    return deepcopy(take_rows(inputs, slice(0, 1)))


class Rebuilt:
    """Stand in for a model that is pickled; unpickling returns the model itself.

    Parameters
    ----------
    model : keras.Model
        The model.
    recipe : Recipe
        Builds the model again.
    """

    def __init__(self, model: keras.Model, recipe: Recipe):
        self.model = model
        self.recipe = recipe

    def __reduce__(self) -> tuple[Any, ...]:
        trained = self.model.compiled and self.model.optimizer.built
        return _rebuild, (self.recipe, _values(_variables(self.model, trained)), trained)


def keras_restores(model: keras.Model) -> bool:
    """Whether Keras can save a model and restore it unchanged.

    A model with custom parts is pickled and unpickled to find out.

    Parameters
    ----------
    model : keras.Model
        The model.

    Returns
    -------
    bool

    Raises
    ------
    TypeError
        If the model contains a Python lambda.
    """
    if not has_custom_parts(model):
        return True
    refuse_python_lambdas(model)
    try:
        back = call_seeded(lambda: pickle.loads(pickle.dumps(Packed(model))), seed=0)
    except Exception:  # the users' classes may raise any error
        return False
    here, there = _values(model.weights), _values(back.weights)
    return len(here) == len(there) and all(map(np.array_equal, here, there))


def _rebuild(recipe: Recipe, values: list[np.ndarray], trained: bool) -> keras.Model:
    model = recipe.make()
    if trained:
        model.optimizer.build(model.trainable_variables)
    variables = _variables(model, trained)
    if [variable.shape for variable in variables] != [value.shape for value in values]:
        raise ValueError(
            f"The pickled weights do not fit the model {model.name!r} that the build "
            "function makes now. The function must make the same model as when the "
            "weights were saved. Load them with the same version of the function."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return model


def _variables(model: keras.Model, trained: bool) -> list[Any]:
    return [*model.variables, *(model.optimizer.variables if trained else ())]


def _values(variables: list[Any]) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable) for variable in variables]
