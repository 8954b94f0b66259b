"""Anomaly scores of the calorimeter image: images by overlay, the teacher, and its students.

``overlay`` and ``images`` make images of single collisions; ``teacher`` is the autoencoder;
``students``, ``hgq`` and ``logic`` are the networks that mimic it (QKeras, mixed precision, logic
gates), ``targets`` what they learn, ``card`` and ``students_card`` what is said of them.
"""
