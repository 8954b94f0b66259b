"""Per-particle weights: teacher, DistillNet, QDistillNet."""
