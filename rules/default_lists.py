"""Lists that are shipped: what tenants start with and may change."""

# Countries under a comprehensive embargo that the US Office of Foreign Assets Control administers, as of 1 July 2025:
# Cuba (31 CFR part 515), Iran (part 560), North Korea (part 510). Syria left on that day, when Executive Order 14312
# ended its programme. The embargoed regions of Ukraine (Crimea, Executive Order 13685; Donetsk and Luhansk, Executive
# Order 14065) have no ISO 3166-1 code of their own, so that no list of countries can name them. Programmes against
# persons and sectors, such as those on Russia, Belarus and Venezuela, embargo no country. Not legal advice: whoever
# is bound by the embargoes keeps the list up to date.
OFAC_COUNTRIES = ("CU", "IR", "KP")
