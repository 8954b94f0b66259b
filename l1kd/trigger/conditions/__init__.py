"""Running conditions: luminosity sections, pile-up, prescales, masks."""
