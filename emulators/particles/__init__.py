"""Per-particle kernels on an eta-phi grid: sums over neighbours, PUPPI, local inputs."""
