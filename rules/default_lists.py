"""Lists that are shipped."""

OFAC_COUNTRIES = ("CU", "IR", "KP")
