"""The whole job: files in, resolution, rates, scores, plots and a page out.

`request` says what to study and how to run it, `samples` which files those are, `run` does it,
`records` turns what the processors accumulated into the records of `summary.json`, `pictures` into
plots.
"""
