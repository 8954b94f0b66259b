"""Networks that weigh the candidates of the correlator's regions, trained for equal rate."""
