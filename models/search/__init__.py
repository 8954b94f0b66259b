"""What searches for students share: trials, and the Pareto front of their error and cost."""

from l1kd.models.search.front import best_trial, finished, pareto_front
from l1kd.models.search.trial import Trial

__all__ = ["Trial", "best_trial", "finished", "pareto_front"]
