"""Networks that l1kd trains, ships and turns into firmware.

``recipes`` are the kinds of training, ``train`` runs them; ``weights`` and ``cicada`` hold what
they are made of, ``configs`` and ``zoo`` the configurations and trained networks that are shipped.
``firmware`` builds and proves firmware of any network, ``evaluation`` measures what weights are
worth. At this level: what rooms share (configurations, the training loop, records, the frameworks).
Nothing imports this package but the command line, when a verb needs it.
"""
