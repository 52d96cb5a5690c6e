"""Prices and discounts, in whole cents."""
