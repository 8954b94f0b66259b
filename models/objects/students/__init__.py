"""Small quantized networks that mimic a teacher's score of an event."""
