"""The scan of what bit operations cost the mixed-precision students: `l1kd search cicada`."""

from l1kd.models.cicada.search.config import CicadaSearchConfig
from l1kd.models.cicada.search.page import write_page
from l1kd.models.cicada.search.scan import scan

__all__ = ["CicadaSearchConfig", "scan", "write_page"]
