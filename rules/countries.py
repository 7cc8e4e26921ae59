"""The countries that a rule can name, in the order of their English names."""

from authsignal_portal.countries import COUNTRIES

__all__ = ["COUNTRIES"]
