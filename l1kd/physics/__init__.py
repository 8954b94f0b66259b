"""Jets, missing momentum, matching and response of candidates."""
