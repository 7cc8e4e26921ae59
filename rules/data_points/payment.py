"""Data points of cards and crypto wallets, where the action sends them in `custom`.

`cardBin`, `cardIssuerCountry`, `cardIssuerName`, `walletAddress` and `assetCode`: no defined data point is needed.
"""

from functools import partial

from rules.registry import data_point
from rules.types import COUNTRY, TEXT

card = partial(data_point, category="Card")
crypto = partial(data_point, category="Crypto")

card("card.bin", TEXT, "Card BIN", "The first 6 to 8 digits of the card, sent as custom.cardBin.")
card("card.issuerCountry", COUNTRY, "Card issuer country", "Two-letter code, sent as custom.cardIssuerCountry.")
card("card.issuerName", TEXT, "Card issuer", "The issuing bank's name, sent as custom.cardIssuerName.")
crypto("crypto.walletAddress", TEXT, "Wallet address", "The address paid to, sent as custom.walletAddress.")
crypto("crypto.assetCode", TEXT, "Asset code", "Such as BTC or ETH, sent as custom.assetCode.")
