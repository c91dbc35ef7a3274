"""Pickle a model that Keras cannot restore, as what builds it and its values.

Keras restores a model from a config and the classes in it. A class that is defined
inside the build function has no name to be found by, and many a class of the user's has
no complete config. The build function knows them all.
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

# What a builder needs not, and would keep alive.
OF_A_FIT = ("model_", "callbacks_", "_fit_callbacks", "_predict_batch", "_trained")


class Recipe(NamedTuple):
    """What builds a model.

    Attributes
    ----------
    estimator : estimator
        As it was when it built the model, which it does not hold.
    row : array, or dict or tuple of arrays, or None
        One row of inputs, for a model that has no weights until it sees its input.
    """

    estimator: Any
    row: Any

    def make(self) -> keras.Model:
        """Build the model again, with other weights."""
        builder = copy(self.estimator)
        builder._make_model(lambda: self.row)
        return builder.model_


def builder_of(estimator: Any) -> Any:
    """An estimator as it is before it builds a model."""
    builder = copy(estimator)
    for name in OF_A_FIT:
        builder.__dict__.pop(name, None)
    return builder


def first_row(inputs: Any) -> Any:
    """One row of inputs, in memory of its own."""
    return deepcopy(take_rows(inputs, slice(0, 1)))


class Rebuilt:
    """Stand in for a model in a state to be pickled; the model comes out of the pickle.

    Parameters
    ----------
    model : keras.Model
    recipe : Recipe
    """

    def __init__(self, model: keras.Model, recipe: Recipe):
        self.model = model
        self.recipe = recipe

    def __reduce__(self) -> tuple[Any, ...]:
        trained = self.model.compiled and self.model.optimizer.built
        return _rebuild, (self.recipe, _values(_variables(self.model, trained)), trained)


def keras_restores(model: keras.Model) -> bool:
    """Whether Keras can pickle a model so that it comes back as it was.

    Tried for models with custom parts only: nothing but a trial tells.

    Raises
    ------
    TypeError
        If the model holds a Python lambda.
    """
    if not has_custom_parts(model):
        return True
    refuse_python_lambdas(model)
    try:
        back = call_seeded(lambda: pickle.loads(pickle.dumps(Packed(model))), seed=0)
    except Exception:  # whatever the classes of the user's raise
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
            f"The pickled weights do not fit the model {model.name!r} that its build "
            "function makes now. Load them with the function as it was when they were "
            "saved; it must make the same model for the same arguments."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return model


def _variables(model: keras.Model, trained: bool) -> list[Any]:
    return [*model.variables, *(model.optimizer.variables if trained else ())]


def _values(variables: list[Any]) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable) for variable in variables]
