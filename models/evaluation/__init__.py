"""What particle weights are worth: networks against PUPPI on simulated events."""
