"""Event files of TensorBoard. All summaries of one file are written at once."""

import io
from collections.abc import Mapping
from typing import Any

try:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_TENSOR, Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING
    from tensorboard.plugins.hparams.api_pb2 import (
        DATA_TYPE_BOOL,
        DATA_TYPE_FLOAT64,
        DATA_TYPE_STRING,
        STATUS_FAILURE,
        STATUS_SUCCESS,
        Experiment,
        HParamInfo,
        MetricInfo,
        MetricName,
    )
    from tensorboard.plugins.hparams.metadata import (
        EXPERIMENT_TAG,
        NULL_TENSOR,
        SESSION_END_INFO_TAG,
        SESSION_START_INFO_TAG,
        create_summary_metadata,
    )
    from tensorboard.plugins.hparams.plugin_data_pb2 import (
        HParamsPluginData,
        SessionEndInfo,
        SessionStartInfo,
    )
    from tensorboard.plugins.text.metadata import create_summary_metadata as as_text
    from tensorboard.summary.writer.record_writer import RecordWriter
except ImportError as error:
    raise ImportError(
        "TensorBoardLogger requires tensorboard, which is not installed. Install it with "
        "pip install skkeras-search[tensorboard]."
    ) from error

from skkeras_search.tensorboard.hparams import NUMBER, TRUTH, HParam, Plain

KINDS = {NUMBER: DATA_TYPE_FLOAT64, TRUTH: DATA_TYPE_BOOL}


class EventFile:
    """Event file with summaries of one run.

    Equal summaries give equal bytes.

    Parameters
    ----------
    time : float
        Time of all summaries, in seconds since the epoch.
    """

    def __init__(self, time: float):
        self._time = time
        self._events = [Event(wall_time=time, file_version="brain.Event:2")]

    def __bytes__(self) -> bytes:
        """Return the content of the file."""
        file = io.BytesIO()
        writer = RecordWriter(file)
        for event in self._events:
            writer.write(event.SerializeToString(deterministic=True))
        return file.getvalue()

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Add a point of a curve."""
        self._add(Summary.Value(tag=tag, simple_value=value), step)

    def text(self, tag: str, text: str) -> None:
        """Add a text in Markdown."""
        about = as_text(display_name="", description="")
        about.data_class = DATA_CLASS_TENSOR
        tensor = TensorProto(dtype=DT_STRING, string_val=[text.encode()])
        self._add(Summary.Value(tag=tag, metadata=about, tensor=tensor))

    def experiment(self, hparams: list[HParam], metrics: Mapping[Any, str]) -> None:
        """Add the hyperparameters and metrics of the search.

        Parameters
        ----------
        hparams : list of HParam
            Hyperparameters.
        metrics : dict of (str, str) to str
            Displayed names of the metrics. The keys are the run, relative to the run of a
            candidate, and the tag.
        """
        described = [_info(hparam) for hparam in hparams]
        metric_infos = [
            MetricInfo(name=MetricName(group=group, tag=tag), display_name=name)
            for (group, tag), name in metrics.items()
        ]
        experiment = Experiment(
            hparam_infos=described,
            metric_infos=metric_infos,
            time_created_secs=self._time,
        )
        self._hparams(EXPERIMENT_TAG, experiment=experiment)

    def start(self, hparams: Mapping[str, Plain]) -> None:
        """Add the hyperparameters of a candidate."""
        info = SessionStartInfo(start_time_secs=self._time)
        for name, value in hparams.items():
            if isinstance(value, bool):
                info.hparams[name].bool_value = value
            elif isinstance(value, str):
                info.hparams[name].string_value = value
            else:
                info.hparams[name].number_value = value
        self._hparams(SESSION_START_INFO_TAG, session_start_info=info)

    def end(self, has_failed: bool) -> None:
        """Add that the training of a candidate has ended."""
        status = STATUS_FAILURE if has_failed else STATUS_SUCCESS
        info = SessionEndInfo(status=status, end_time_secs=self._time)
        self._hparams(SESSION_END_INFO_TAG, session_end_info=info)

    def _hparams(self, tag: str, **data: Any) -> None:
        about = create_summary_metadata(HParamsPluginData(**data))
        self._add(Summary.Value(tag=tag, metadata=about, tensor=NULL_TENSOR))

    def _add(self, value: Any, step: int = 0) -> None:
        summary = Summary(value=[value])
        self._events.append(Event(wall_time=self._time, step=step, summary=summary))


def _info(hparam: HParam) -> Any:
    info = HParamInfo(name=hparam.name, type=KINDS.get(hparam.kind, DATA_TYPE_STRING))
    if hparam.interval:
        info.domain_interval.min_value, info.domain_interval.max_value = hparam.interval
    for value in hparam.domain:
        info.domain_discrete.append(value)
    info.differs = bool(hparam.interval) or len(hparam.domain) != 1
    return info
