"""`[breakers]`: when a cause holds up what it concerns, and how it is probed."""

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from config.sections import Section


class Breakers(Section):
    """Thresholds and intervals; seconds where nothing else is said."""

    server_errors: PositiveInt = 5
    """Requests of a sub-account in a row that must meet an error of the provider to slow it down."""
    server_first: PositiveFloat = 1
    """Before the first probe; doubles up to `server_longest`."""
    server_longest: PositiveFloat = 30
    account_first: PositiveFloat = 15
    account_longest: PositiveFloat = 300
    account_messages: int = Field(default=10, ge=1, le=1000)
    """Messages of a request that probes whether the key, the account or the channel is well again."""
    template_first: PositiveFloat = 60
    template_longest: PositiveFloat = 900
    refused_with_one_code: PositiveInt = 20
    """Messages of a campaign in a row, whole requests, that must be refused alike to stop it."""

    @model_validator(mode="after")
    def _grows(self) -> "Breakers":
        for name in ("server", "account", "template"):
            if getattr(self, f"{name}_longest") < getattr(self, f"{name}_first"):
                raise ValueError(f"{name}_longest must not be shorter than {name}_first")
        return self
