"""A search in TensorBoard, in the files that it reads."""

from skkeras_search.tensorboard.logger import TensorBoardLogger

__all__ = ["TensorBoardLogger"]
