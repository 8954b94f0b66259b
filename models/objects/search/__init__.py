"""The search for the best student: `l1kd search objects`."""

from l1kd.models.objects.search.config import STRATEGIES, ObjectSearchConfig, Strategy
from l1kd.models.objects.search.run import SearchOptions, search
from l1kd.models.search.trial import Trial

__all__ = ["STRATEGIES", "ObjectSearchConfig", "SearchOptions", "Strategy", "Trial", "search"]
