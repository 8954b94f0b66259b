"""Calorimeter anomaly scores: images, teacher, students."""
