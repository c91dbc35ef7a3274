"""Searches whose candidates are all known before the first one is evaluated."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from skkeras_search.searches.base import Search
from skkeras_search.searches.evaluation import Evaluation
from skkeras_search.searches.executors import Executor
from skkeras_search.searches.jobs import Job, Result, whole_job
from skkeras_search.searches.progress import Standing
from skkeras_search.searches.recording import text_of


class ListedSearch(Search):
    """A search over a list of candidates."""

    @abstractmethod
    def _candidates(self) -> Sequence[dict[str, Any]]:
        """Return all candidates, in the order of the rows of ``cv_results_``."""

    def _search(self, evaluation: Evaluation, executor: Executor) -> None:
        candidates = self._candidates()
        if self.verbose > 0:
            n, n_fits = len(candidates), len(candidates) * len(self._all_fits())
            print(
                f"Fitting {self.n_splits_} folds for each of {n} candidates, totalling "
                f"{n_fits} fits"
            )
        fits = self._all_fits()
        task = evaluation.task.subcontext(
            task_name="search",
            max_subtasks=len(candidates) * len(fits),
            sequential_subtasks=False,
        ).call_on_fit_task_begin(estimator=self)
        proposals = _Proposals(self, candidates, task)
        if not proposals.adopt():
            self._run(evaluation, executor, proposals)
        task.call_on_fit_task_end(estimator=self)


class _Proposals:
    """Propose one candidate of the list after the other."""

    def __init__(self, search: Search, candidates: Sequence[dict[str, Any]], task: Any):
        self._search, self._task = search, task
        self._fits = search._all_fits()
        self._left = list(enumerate(candidates))
        self.n_candidates = len(candidates)
        self._n_told, self._best = 0, -np.inf

    def adopt(self) -> bool:
        """Reuse candidates that an earlier search has evaluated; return whether to stop."""
        record, stops = self._search._recorder, False
        earlier = {known.params: known for known in record.earlier()}
        left, self._left = self._left, []
        for number, params in left:
            known = earlier.get(text_of(params)) if earlier else None
            if known is None:
                self._left.append((number, params))
                continue
            for job, outcome in record.adopt(known, number, params):
                self._search._record(job, outcome)
                stops |= self.tell(job, outcome)
        return stops

    def propose(self) -> Job | None:
        if not self._left:
            return None
        number, params = self._left.pop(0)
        return whole_job(number, params, self._fits, self._task, number)

    def tell(self, job: Job, outcome: list[Result]) -> bool:
        self._n_told += 1
        score = self._search._score(outcome)
        self._best = np.fmax(self._best, score)
        standing = Standing(self._n_told, self.n_candidates, self._best)
        self._search._show(job.params, score, standing)
        return self._search._advance(standing)
