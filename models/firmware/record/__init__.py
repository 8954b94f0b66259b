"""What a build leaves behind: description, README, Makefile, metrics; tables over many builds.

``record`` writes a project's description with ``texts`` and ``metrics``; ``tables`` sets designs
beside those of the papers, ``pareto`` draws quality against size, ``report`` writes both.
"""
