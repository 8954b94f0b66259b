"""What searches and networks of objects are worth: `l1kd report-objects`."""

from l1kd.models.objects.report.report import report

__all__ = ["report"]
