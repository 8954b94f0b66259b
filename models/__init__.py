"""Definitions, training, distillation and export of the networks that l1kd ships."""
