"""What is kept of events: tables of decisions, spectra of quantities, exact sums, records."""
