"""The purpose of a message, by the category of its template, the caller's, and the default."""

import pytest

from store.purposes import Pricing, Purpose, pricing_of, purpose_of

MARKETING, UTILITY, AUTHENTICATION = Purpose


@pytest.mark.parametrize("registered", Purpose)
@pytest.mark.parametrize("default", [MARKETING, UTILITY])
def test_the_registered_category_wins_where_nothing_is_said(
    registered: Purpose, default: Purpose
) -> None:
    assert purpose_of(registered, None, default) is registered


@pytest.mark.parametrize("wanted", Purpose)
def test_a_registered_category_cannot_be_lowered(wanted: Purpose) -> None:
    assert purpose_of(MARKETING, wanted, UTILITY) is MARKETING
    assert purpose_of(UTILITY, AUTHENTICATION, UTILITY) is UTILITY


def test_who_says_that_it_is_marketing_is_taken_at_their_word() -> None:
    assert purpose_of(UTILITY, MARKETING, UTILITY) is MARKETING
    assert purpose_of(None, MARKETING, UTILITY) is MARKETING


def test_authentication_takes_a_template_that_is_registered_as_such() -> None:
    assert purpose_of(None, AUTHENTICATION, MARKETING) is MARKETING
    assert purpose_of(None, AUTHENTICATION, UTILITY) is UTILITY
    assert purpose_of(AUTHENTICATION, AUTHENTICATION, UTILITY) is AUTHENTICATION


@pytest.mark.parametrize("default", [MARKETING, UTILITY])
def test_without_either_it_is_the_default(default: Purpose) -> None:
    assert purpose_of(None, None, default) is default


@pytest.mark.parametrize(
    ("word", "pricing"),
    [
        (None, Pricing.NONE),
        ("", Pricing.NONE),
        ("none", Pricing.OTHER),
        ("marketing", Pricing.MARKETING),
        ("authentication_international", Pricing.AUTHENTICATION_INTERNATIONAL),
        ("service", Pricing.SERVICE),
        ("something_new", Pricing.OTHER),
    ],
)
def test_pricing_categories_are_read_by_the_words_of_receipts(
    word: str | None, pricing: Pricing
) -> None:
    assert pricing_of(word) is pricing
