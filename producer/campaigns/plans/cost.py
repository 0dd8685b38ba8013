"""Cost of a campaign: an estimate from the operator's prices by country and category."""

import csv
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path

from pydantic import BaseModel

from producer.errors import InputError
from producer.files.csv_reader import opened
from store.purposes import Purpose


class CountryShare(BaseModel):
    """Recipients of one country."""

    country: str  # two letters; empty: user ids
    recipients: int
    messages: int


class Amount(BaseModel):
    """Cost in one currency."""

    currency: str
    amount: float


class Cost(BaseModel):
    """An estimate from the operator's prices."""

    amounts: list[Amount]
    unpriced: int  # messages without a price


Prices = Mapping[tuple[str, str], tuple[Decimal, str]]
"""Country (or `*`) and category → price of a message, currency."""


def read_prices(path: Path | None) -> Prices | None:
    """The operator's prices; raises InputError."""
    if path is None:
        return None
    prices: dict[tuple[str, str], tuple[Decimal, str]] = {}
    with opened(path) as stream:
        try:
            rows = csv.DictReader(stream.read().decode("utf-8-sig").splitlines(), strict=True)
            for row in rows:
                country, category, price, currency = (
                    (row.get(name) or "").strip()
                    for name in ("country", "category", "price", "currency")
                )
                purpose, amount = Purpose(category.lower()), Decimal(price)
                if not country or not currency or not amount.is_finite() or amount < 0:
                    raise ValueError
                prices[country.upper(), purpose] = (amount, currency.upper())
        except (ValueError, InvalidOperation, csv.Error) as error:
            raise InputError(
                f"line {rows.line_num} is no price: a line is country,category,price,currency, such "
                "as GB,marketing,0.0382,EUR, and the first line names these columns; * is any country"
            ) from error
    return prices


def cost_of(prices: Prices, countries: Iterable[CountryShare], purpose: Purpose) -> Cost:
    """The cost of a campaign for one purpose, by currency."""
    amounts, unpriced = dict[str, Decimal](), 0
    for share in countries:
        price = prices.get((share.country, purpose)) or prices.get(("*", purpose))
        if price is None:
            unpriced += share.messages
        else:
            amounts[price[1]] = amounts.get(price[1], Decimal()) + price[0] * share.messages
    told = [Amount(currency=one, amount=float(amount)) for one, amount in sorted(amounts.items())]
    return Cost(amounts=told, unpriced=unpriced)
