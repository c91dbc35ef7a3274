"""Create or open the study of a search, and check it before anything is trained."""

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

# User attribute of a study that identifies the estimator, the data and the folds.
IDENTITY = "skkeras_search"
OF_THE_STUDY = ("sampler", "pruner", "storage", "study_name")


def open_study(search: Any) -> Study:
    """Return the study of a search, or create or load the study.

    Parameters
    ----------
    search : OptunaSearchCV
        The search.

    Returns
    -------
    Study

    Raises
    ------
    ValueError
        If ``study`` is given together with another parameter of the study, or ``storage``
        is not a URL.
    """
    if search.study is not None:
        for name in OF_THE_STUDY:
            if getattr(search, name) is not None:
                raise ValueError(
                    f"{name} and study cannot both be given. Pass {name} to "
                    "optuna.create_study instead, or leave study out."
                )
        return search.study
    if isinstance(search.storage, str) and "://" not in search.storage:
        raise ValueError(
            f"storage must be a URL, such as 'sqlite:///{search.storage}', or a storage of "
            f"Optuna, got {search.storage!r}."
        )
    return optuna.create_study(
        study_name=search.study_name,
        storage=search.storage,
        direction="maximize",
        sampler=deepcopy(search.sampler),  # so that a fit does not change its random state
        pruner=deepcopy(search.pruner) or optuna.pruners.NopPruner(),
        load_if_exists=search.study_name is not None,
    )


def seed_sampler(study: Study, search: Any, seed: int, first: int) -> None:
    """Seed the sampler, so that each fit that works on the study draws other numbers.

    Parameters
    ----------
    study : Study
        The study.
    search : OptunaSearchCV
        The search.
    seed : int
        Seed of the default sampler.
    first : int
        Number of the first trial of this fit, which is unique to this fit. The sampler has
        not proposed its values yet.
    """
    if search.study is not None:
        return
    if search.sampler is None:
        study.sampler = optuna.samplers.TPESampler(seed=(seed + first) % 2**31)
    elif first > 0:
        study.sampler.reseed_rng()


def check_study(study: Study, parameters: Mapping[str, Parameter]) -> None:
    """Check that a study maximizes one value, and that its trials fit the search space.

    Raises
    ------
    ValueError
        If the study does not maximize a single value, its trials have other hyperparameters
        or distributions, or an enqueued value is not in the space.
    """
    if len(study.directions) > 1:
        raise ValueError(
            f"The study {study.study_name!r} has {len(study.directions)} objectives, but a "
            "search maximizes a single score. With several metrics, refit names that score."
        )
    if study.direction != StudyDirection.MAXIMIZE:
        raise ValueError(
            f"The study {study.study_name!r} minimizes, but scores are maximized. Create "
            "the study with optuna.create_study(direction='maximize')."
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
                    f"{where} from {distribution}, but search_spaces has {given}. Use the "
                    "same distribution, or another study_name."
                ) from error
        if trial.state == TrialState.WAITING:
            _check_waiting(trial.system_attrs.get("fixed_params", {}), parameters)


def check_identity(study: Study, search: Any, evaluation: Any) -> None:
    """Check that the scores in a study belong to the same estimator, data and folds.

    Raises
    ------
    ValueError
        If they do not. The message names the differences.
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
            "Use the same values to continue the study, or another study_name."
        )


def _check_waiting(params: Mapping[str, Any], parameters: Mapping[str, Parameter]) -> None:
    """Check the values of an enqueued trial."""
    for name, value in params.items():
        if name not in parameters:
            raise ValueError(
                f"{name!r} is enqueued in the study, but is not in search_spaces."
                f"{did_you_mean(name, list(parameters))}"
            )
        distribution = parameters[name].distribution
        try:
            is_possible = distribution._contains(distribution.to_internal_repr(value))
        except (TypeError, ValueError):
            is_possible = False
        if not is_possible:
            raise ValueError(
                f"{name}={value!r} is enqueued in the study, but is not in {distribution}."
            )
