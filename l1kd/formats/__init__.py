"""One small adapter per input format."""
