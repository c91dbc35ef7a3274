"""Write a search to event files of TensorBoard."""

from skkeras_search.tensorboard.logger import TensorBoardLogger

__all__ = ["TensorBoardLogger"]
