"""A package, so that packages of this name that others install do not come first."""
