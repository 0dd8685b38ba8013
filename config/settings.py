"""Settings: environment variables `SENDMANY_…` over a TOML file over defaults.

The file is the one named by `SENDMANY_CONFIG`, else `sendmany.toml` in the working directory. Nested
settings take two underscores in the environment: `SENDMANY_HTTP__DEADLINE=20`. Every setting is
explained in `config/sendmany.example.toml`. What neither of them says is taken from a `sendmany up`
that runs in the state directory, so that other commands find its server and its sandbox.
"""

import os
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AnyHttpUrl,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from config.running import read_note

REGIONS: dict[str, str] = {
    "apac": "https://chatapps.8x8.com",
    "us": "https://chatapps.us.8x8.com",
    "europe": "https://chatapps.8x8.uk",
    "indonesia": "https://chatapps.8x8.id",
}
"""Base URL of each region the provider documents."""

ACCOUNT_ID = r"^[0-9A-Fa-f]{8}-?(?:[0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}$"
MOST_SECRETS = 2
"""Authorizations of webhooks that are taken at the same time."""
SubAccountId = Annotated[str, Field(pattern=r"^[A-Za-z0-9\-._&]{3,50}$")]


class SettingsError(Exception):
    """The settings cannot be used; the text is one sentence that says what to change."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SubAccount(_Section):
    """One sub-account of the provider: where it lives, its key, its limits."""

    region: Literal["apac", "us", "europe", "indonesia"] = "apac"
    base_url: AnyHttpUrl | None = None
    """Instead of `region`: a sandbox, a proxy."""
    api_key: SecretStr | None = None
    api_key_env: str | None = None
    """Name of the environment variable that holds the key."""
    api_key_file: Path | None = None
    """File whose first line is the key (a mounted secret)."""
    account_id: str | None = Field(default=None, pattern=ACCOUNT_ID)
    """The account it belongs to: for templates and webhooks. The provider's portal shows it."""
    channel_id: str | None = Field(default=None, min_length=1)
    """The WhatsApp number whose templates it sends; messages are held against them before a launch."""
    messages_per_second: NonNegativeFloat = 1000
    """Shared by all workers; 0 = no limit."""
    requests_per_second: NonNegativeFloat = 1800
    burst: PositiveInt | None = None
    """Messages that may go at once after a pause. Default: half a second's worth, at most 1,000."""
    urgent_reserve: int = Field(default=0, ge=0)
    """Part of the burst that only urgent lanes may use."""
    max_in_air: PositiveInt = 32
    """Batches of this sub-account in the air per worker process."""

    @property
    def url(self) -> str:
        """Base URL without a trailing slash."""
        return str(self.base_url).rstrip("/") if self.base_url else REGIONS[self.region]

    @property
    def burst_messages(self) -> int:
        """Messages that may go at once, never 0."""
        return self.burst or max(1, min(1000, int(self.messages_per_second / 2)))

    def key(self) -> SecretStr | None:
        """The API key from wherever it is configured, or None.

        Raises:
            SettingsError: a key file is named and cannot be read.
        """
        if self.api_key is not None:
            return self.api_key
        if self.api_key_env is not None:
            value = os.environ.get(self.api_key_env, "")
            return SecretStr(value) if value else None
        if self.api_key_file is not None:
            return _key_from_file(self.api_key_file)
        return None


class Http(_Section):
    """Timeouts of one request to the provider, in seconds."""

    connect_timeout: PositiveFloat = 5
    read_timeout: PositiveFloat = 20
    deadline: PositiveFloat = 30
    """Bounds the whole request, whatever trickles in meanwhile."""
    max_answer_bytes: PositiveInt = 8 * 1024 * 1024


class Batch(_Section):
    """Size of one send-message-many request."""

    max_messages: int = Field(default=1000, ge=1, le=1000)
    max_bytes: int = Field(default=2 * 1024 * 1024, ge=64 * 1024)


class Retry(_Section):
    """How often, and how far apart."""

    quick_attempts: PositiveInt = 3
    """Attempts of one batch without giving it back, a second or so apart."""
    quick_base: PositiveFloat = 0.25
    quick_cap: PositiveFloat = 2
    max_attempts: PositiveInt = 15
    """Attempts of one message in all; then it is `failed` and on the dead list."""
    wave_base: PositiveFloat = 5
    """Seconds before the first retry wave; doubles with every wave."""
    wave_cap: PositiveFloat = 900
    retry_after_default: PositiveFloat = 1
    retry_after_cap: PositiveFloat = 120


class Worker(_Section):
    """The drain loop."""

    slice_seconds: PositiveFloat = 30
    max_in_air: PositiveInt = 32
    lease_seconds: PositiveFloat = 120
    sweep_seconds: PositiveFloat = 1
    priorities: list[Literal["urgent", "normal", "bulk"]] = Field(
        default=["urgent", "normal", "bulk"], min_length=1
    )
    """Fewer than all make a dedicated worker, whose loops always run."""


class Policies(_Section):
    """What a lane does when the provider leaves us in doubt, unless the launch says otherwise."""

    campaign_on_unknown: Literal["hold", "resend"] = "hold"
    notification_on_unknown: Literal["hold", "resend"] = "resend"
    on_server_error: Literal["retry", "hold"] = "retry"
    settle_after: NonNegativeFloat = 0
    """Seconds to wait for evidence before the policy applies; 180 where receipts are received."""


class Webhooks(_Section):
    """The receiver of receipts and replies."""

    host: str = "127.0.0.1"
    port: int = Field(default=8090, ge=0, le=65535)
    authorization: list[SecretStr] = Field(default=[], max_length=MOST_SECRETS)
    """Values of the Authorization header that are taken: one, or two while the secret is changed."""
    authorization_env: list[str] = Field(default=[], max_length=MOST_SECRETS)
    """Names of the environment variables that hold them."""

    @property
    def wanted(self) -> bool:
        """Whether an authorization is configured at all."""
        return bool(self.authorization or self.authorization_env)

    def secrets(self) -> tuple[SecretStr, ...]:
        """The authorizations from wherever they are configured.

        Raises:
            SettingsError: there is none, or one is empty.
        """
        named = [SecretStr(os.environ.get(name, "")) for name in self.authorization_env]
        missing = [name for name in self.authorization_env if not os.environ.get(name)]
        if missing:
            raise SettingsError(
                f"webhooks.authorization_env names {missing[0]}, which is not set or empty."
            )
        found = (*self.authorization, *named)
        if len(found) > MOST_SECRETS:
            raise SettingsError(
                f"webhooks.authorization and authorization_env hold {len(found)} values together: "
                f"at most {MOST_SECRETS} are taken, the old one and the new one."
            )
        if not found or not all(secret.get_secret_value().strip() for secret in found):
            raise SettingsError(
                "A receiver of webhooks needs the Authorization header that the provider sends: "
                "set webhooks.authorization_env to the name of an environment variable that holds it."
            )
        return tuple(SecretStr(secret.get_secret_value().strip()) for secret in found)


class Settings(BaseSettings):
    """All settings of sendmany."""

    model_config = SettingsConfigDict(
        env_prefix="SENDMANY_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,  # it may be a key
    )

    redis_url: str = Field(default="redis://127.0.0.1:6379/0", repr=False)  # may hold a password
    broker_url: str | None = Field(default=None, repr=False)
    """Celery's broker; the default is `redis_url`."""
    state_dir: Path = Path(".sendmany")
    """Where `sendmany up` keeps the embedded server's data."""
    sub_accounts: dict[SubAccountId, SubAccount] = {}
    default_sub_account: SubAccountId | None = None
    """Used where none is named; not needed when there is only one."""
    default_region: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")
    """Country of national numbers in recipient files, such as `GB`."""
    retention_days: PositiveFloat = 30
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "console", "json"] = "auto"
    http: Http = Http()
    batch: Batch = Batch()
    retry: Retry = Retry()
    worker: Worker = Worker()
    policies: Policies = Policies()
    webhooks: Webhooks = Webhooks()

    @model_validator(mode="after")
    def _default_exists(self) -> "Settings":
        name = self.default_sub_account
        if name is not None and name not in self.sub_accounts:
            raise ValueError(f"default_sub_account {name!r} is not among sub_accounts")
        return self

    @property
    def broker(self) -> str:
        """URL of the Celery broker, as Celery spells it."""
        url = self.broker_url or self.redis_url
        return url.replace("unix://", "redis+socket://", 1) if url.startswith("unix:") else url

    def sub_account_id(self, wanted: str | None = None) -> str:
        """Choose the sub-account: the wanted one, the default, or the only one.

        Raises:
            SettingsError: it is not configured, or the choice is not clear.
        """
        known = ", ".join(sorted(self.sub_accounts)) or "none"
        if not self.sub_accounts:
            raise SettingsError(
                "No sub-account is configured: add [sub_accounts.NAME] to sendmany.toml "
                "(see config/sendmany.example.toml), or try `sendmany up --sandbox`."
            )
        name = wanted or self.default_sub_account
        if name is None and len(self.sub_accounts) == 1:
            name = next(iter(self.sub_accounts))
        if name is None:
            raise SettingsError(f"Say which sub-account with --sub-account (configured: {known}).")
        if name not in self.sub_accounts:
            raise SettingsError(f"Sub-account {name!r} is not configured (configured: {known}).")
        return name

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first, then the TOML file, then a `sendmany up` that runs in `state_dir`."""
        toml = TomlConfigSettingsSource(settings_cls, toml_file=config_file())
        home = {"state_dir": ".sendmany", **toml(), **env_settings()}["state_dir"]
        running = InitSettingsSource(settings_cls, read_note(Path(home)).get("settings", {}))
        return init_settings, env_settings, toml, running


def config_file() -> Path | None:
    """The TOML file in use: `SENDMANY_CONFIG`, else `sendmany.toml` here, else None."""
    named = os.environ.get("SENDMANY_CONFIG")
    if named:
        return Path(named)
    here = Path("sendmany.toml")
    return here if here.is_file() else None


@cache
def load_settings() -> Settings:
    """Read the settings once a process.

    Raises:
        SettingsError: the file is missing or a value does not fit; names each place.
    """
    path = config_file()
    if path is not None and not path.is_file():
        raise SettingsError(f"SENDMANY_CONFIG names {path}, which does not exist.")
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError(_explain(error, path)) from error
    except ValueError as error:  # TOML or JSON that does not parse
        raise SettingsError(
            f"The settings cannot be read ({path or 'environment'}): {error}"
        ) from error


def _explain(error: ValidationError, path: Path | None) -> str:
    problems = "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in error.errors(include_input=False, include_url=False)
    )
    return f"The settings do not fit ({path or 'environment'}): {problems}."


def _key_from_file(path: Path) -> SecretStr | None:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"api_key_file {path} cannot be read: {type(error).__name__}."
        ) from error
    return SecretStr(lines[0].strip()) if lines and lines[0].strip() else None
