"""The HTML templates of this package: `base.html` is around every page."""

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

__all__ = ["fill"]


def fill(
    template: str, content: Mapping[str, Any], filters: Mapping[str, Callable[..., Any]]
) -> str:
    """Return a template of this package filled with its content, in the style of all pages."""
    here = files("l1kd.report")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (here / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters
    style = Markup((here / "page.css").read_text(encoding="utf-8"))
    return environment.get_template(template).render(style=style, **content)
