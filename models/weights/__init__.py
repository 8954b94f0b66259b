"""Weights of particles: a teacher that sees neighbours, and students that see one particle.

``particles`` and ``samples`` read events, ``batches`` and ``event_loss`` train on whole events;
``teacher``, ``distillnet``, ``qdistillnet`` and ``qdistillnet_hgq`` are the networks, ``students``
what the last three share; ``weighting`` gives the weights of any of them, ``metrics``,
``agreement`` and ``card`` say how good they are.
"""
