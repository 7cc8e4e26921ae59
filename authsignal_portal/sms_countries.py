"""Destinations to which much of the SMS traffic is fraud ("SMS pumping").

No authority publishes such a list. Chosen by price per message and by how often a destination is named in reports of
artificially inflated traffic; each tenant can set its own. Without NZ, AU, US, GB and the EU.
"""

HIGH_RISK = frozenset(
    "AF AO AZ BD BF BI BJ BY CD CF CG CM CU DJ DZ ER ET FK GA GM GN GQ GW HT IO IQ IR KG KI KM KP LA LR LY "  # noqa: SIM905  (else 69 lines)
    "MG ML MM MR MW MZ NE NR NU PK PS RU SD SH SL SN SO SS ST SY TD TG TJ TK TM TN TV UZ WF YE ZW".split()
)
