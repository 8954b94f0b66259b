"""Jets, MET, matching and response of candidates."""
