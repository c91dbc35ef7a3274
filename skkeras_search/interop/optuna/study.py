"""The study of a search: made, or checked before anything is trained."""

from collections.abc import Mapping
from copy import copy, deepcopy
from typing import Any

import optuna
from optuna.distributions import check_distribution_compatibility
from optuna.study import Study, StudyDirection
from optuna.trial import TrialState

from skkeras_search.interop.optuna.parameters import Parameter
from skkeras_search.nearest_name import did_you_mean
from skkeras_search.record.store import named
from skkeras_search.searches.earlier import may_be_extended
from skkeras_search.searches.identity import identity_of

# The attribute of a study that says what its scores are of.
IDENTITY = "skkeras_search"
OF_THE_STUDY = ("sampler", "pruner", "storage", "study_name")


def open_study(search: Any) -> Study:
    """Give the study that a search was given, or open the one that it names.

    Parameters
    ----------
    search : OptunaSearchCV

    Raises
    ------
    ValueError
        If there is a study, and something that belongs to it.
    """
    if search.study is not None:
        for name in OF_THE_STUDY:
            if getattr(search, name) is not None:
                raise ValueError(
                    f"{name} belongs to the study, and there is a study. Give "
                    f"{name} to optuna.create_study, or leave study out."
                )
        return search.study
    if isinstance(search.storage, str) and "://" not in search.storage:
        raise ValueError(
            f"storage must be a URL, as 'sqlite:///{search.storage}', or a storage of "
            f"Optuna, got {search.storage!r}."
        )
    return optuna.create_study(
        study_name=search.study_name,
        storage=search.storage,
        direction="maximize",
        sampler=deepcopy(search.sampler),  # its random numbers go on from fit to fit
        pruner=deepcopy(search.pruner) or optuna.pruners.NopPruner(),
        load_if_exists=search.study_name is not None,
    )


def seed_sampler(study: Study, search: Any, seed: int, first: int) -> None:
    """Have the sampler draw other numbers than in other fits that work on the study.

    Parameters
    ----------
    study : Study
    search : OptunaSearchCV
    seed : int
        Of the sampler, if none was given.
    first : int
        Number of the first trial that this fit begins, which no other fit has. The
        sampler has not drawn for it yet.
    """
    if search.study is not None:
        return
    if search.sampler is None:
        study.sampler = optuna.samplers.TPESampler(seed=(seed + first) % 2**31)
    elif first > 0:
        study.sampler.reseed_rng()


def check_study(study: Study, parameters: Mapping[str, Parameter]) -> None:
    """Check that a study maximises, and knows no other hyperparameters.

    Raises
    ------
    ValueError
        If it does not maximise one value, or its trials have hyperparameters of other
        names or other distributions, or the values of those that wait are not possible.
    """
    if len(study.directions) > 1:
        raise ValueError(
            f"The study {study.study_name!r} has {len(study.directions)} objectives, and a "
            "search has one score to maximise. With several metrics refit names it."
        )
    if study.direction != StudyDirection.MAXIMIZE:
        raise ValueError(
            f"The study {study.study_name!r} minimises, and scores are maximised. Make it "
            "with optuna.create_study(direction='maximize')."
        )
    for trial in study.get_trials(deepcopy=False):
        for name, distribution in trial.distributions.items():
            where = f"Trial {trial.number} of the study {study.study_name!r} has {name!r}"
            if name not in parameters:
                raise ValueError(
                    f"{where}, which is not in search_spaces."
                    f"{did_you_mean(name, list(parameters))} Use another study_name."
                )
            given = parameters[name].distribution
            try:
                check_distribution_compatibility(distribution, given)
            except ValueError as error:
                raise ValueError(
                    f"{where} from {distribution}, and search_spaces has {given}. Use "
                    "the same, or another study_name."
                ) from error
        if trial.state == TrialState.WAITING:
            _check_waiting(trial.system_attrs.get("fixed_params", {}), parameters)


def check_identity(study: Study, search: Any, evaluation: Any) -> None:
    """Check that the scores in a study are of the same estimator, data and folds.

    Raises
    ------
    ValueError
        If they are not, naming what differs.
    """
    bare = copy(search)
    for name in ("study", *OF_THE_STUDY):
        setattr(bare, name, None)
    now = {
        name: text
        for name, text in identity_of(bare, evaluation).items()
        if not may_be_extended([name]) and name != "error_score"
    }
    before = study.user_attrs.get(IDENTITY)
    if before is None:
        study.set_user_attr(IDENTITY, now)
    elif different := named(now, before):
        lines = "".join(f"- {name} {how}\n" for name, how in different.items())
        raise ValueError(
            f"The study {study.study_name!r} has scores of another search:\n{lines}"
            "Use the same to go on with that study, or another study_name."
        )


def _check_waiting(params: Mapping[str, Any], parameters: Mapping[str, Parameter]) -> None:
    """Check what the user has enqueued."""
    for name, value in params.items():
        if name not in parameters:
            raise ValueError(
                f"{name!r} is enqueued in the study, and is not in search_spaces."
                f"{did_you_mean(name, list(parameters))}"
            )
        distribution = parameters[name].distribution
        try:
            is_possible = distribution._contains(distribution.to_internal_repr(value))
        except (TypeError, ValueError):
            is_possible = False
        if not is_possible:
            raise ValueError(
                f"{name}={value!r} is enqueued in the study, and is not in {distribution}."
            )
