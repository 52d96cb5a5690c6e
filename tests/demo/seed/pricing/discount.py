"""Discounts on prices."""


def discounted(price_cents: int, percent: int) -> int:
    """The price less `percent` per cent of it, rounded half up to whole cents."""
    if not 0 <= percent <= 100:
        raise ValueError(f"a discount is between 0 and 100 per cent, not {percent}")
    return price_cents - price_cents * percent // 100
