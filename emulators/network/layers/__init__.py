"""What each layer of firmware computes, as integer operations."""
