"""The sections of the settings: one frozen model each, with its defaults."""

import os
import re
import ssl
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import available_timezones

from pydantic import (
    AnyHttpUrl,
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    field_validator,
    model_validator,
)

from config.errors import ReportedError
from config.quiet_hours import check_hours

REGIONS: dict[str, str] = {
    "apac": "https://chatapps.8x8.com",
    "us": "https://chatapps.us.8x8.com",
    "europe": "https://chatapps.8x8.uk",
    "indonesia": "https://chatapps.8x8.id",
}
"""Base URL of each region the provider documents."""

ACCOUNT_ID = r"^[0-9A-Fa-f]{8}-?(?:[0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}$"
REPEATED_FOR = 180.0
"""Seconds for which webhooks may be repeated; the provider does so for 131 s (provider docs,
webhooks)."""
MOST_SECRETS = 2
"""Webhook authorizations accepted at the same time."""
LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|\[::1\]")
BROKER_OPTIONS = {
    *("socket_timeout", "socket_connect_timeout", "socket_keepalive", "health_check_interval"),
    *("retry_on_timeout", "max_connections", "polling_interval", "visibility_timeout"),
    *("connect_timeout", "read_timeout", "write_timeout", "heartbeat", "login_method"),
    *("confirm_publish", "max_retries"),
}
"""Transport options of Celery that may be set: those of Redis and of RabbitMQ."""
PAIR_SECONDS = 6.0
"""WhatsApp takes one message to a person in so many seconds."""
HIGHEST_RATE = 1000.0
"""Messages per second that WhatsApp gives a number at most."""
LongWait = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
"""Seconds, a day at most."""
SubAccountId = Annotated[str, Field(pattern=r"^[A-Za-z0-9\-._&]{3,50}$")]


class SettingsError(ReportedError):
    """The settings cannot be used; the text is one sentence that says what to change."""


class Section(BaseModel):
    """A section of the settings. Unknown names are errors, and errors do not quote the value, which may
    be a secret."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SubAccount(Section):
    """One sub-account of the provider: address, key and limits."""

    region: Literal["apac", "us", "europe", "indonesia"] = "apac"
    base_url: AnyHttpUrl | None = None
    """Overrides `region`, for a sandbox or a proxy."""
    api_key: SecretStr | None = None
    api_key_env: str | None = None
    """Name of the environment variable that holds the key."""
    api_key_file: Path | None = None
    """File whose first line is the key (a mounted secret)."""
    account_id: str | None = Field(default=None, pattern=ACCOUNT_ID)
    """Account of the sub-account, for templates and webhooks. The provider's portal shows it."""
    account_name: str | None = Field(default=None, min_length=1)
    """The account's name in the provider's events about templates and numbers, whose samples hold a name
    instead of the id. Needed only with sub-accounts of several accounts."""
    channel_id: str | None = Field(default=None, min_length=1)
    """The WhatsApp number with the templates; messages are compared with them before a launch."""
    messages_per_second: NonNegativeFloat = 1000
    """Shared by all workers; 0 = no limit."""
    requests_per_second: NonNegativeFloat = 1800
    burst: PositiveInt | None = None
    """Most messages sent at once after a pause. Default: half a second's worth, at most 1,000."""
    urgent_reserve: int = Field(default=0, ge=0)
    """Part of the burst that only urgent lanes may use."""
    learn_rate: Literal["off", "observe", "on"] | None = None
    """Whether the rate is learned from throttles and late receipts, below `messages_per_second`;
    `observe` only shows it. None: on, `observe` where a rate is configured, off for loopback."""
    max_in_air: PositiveInt = 32
    """Batches of this sub-account in flight per worker process; fewer while answers are slower than
    usual, where `learn_rate` is on."""
    pair_seconds: float | None = Field(default=None, ge=0, le=60)
    """Seconds between two messages to a person; urgent ones do not wait. 0: none. None: 6, and 0 for
    loopback."""
    tier: Annotated[int, Field(ge=1, le=100_000)] | Literal["unlimited"] | None = None
    """People to whom WhatsApp lets the portfolio write outside service windows in 24 hours, until an
    event tells another tier. None: nothing is counted."""
    tier_reserve: float = Field(default=0.03, ge=0, lt=1)
    """Share of the tier that campaigns leave to notifications."""
    portfolio: SubAccountId | None = None
    """Name shared by the sub-accounts of one portfolio, whose tier is one. None: it is its only one."""

    @property
    def url(self) -> str:
        """Base URL without a trailing slash."""
        return str(self.base_url).rstrip("/") if self.base_url else REGIONS[self.region]

    @property
    def learn_mode(self) -> Literal["off", "observe", "on"]:
        """Whether the rate is learned, and whether the learned one is used."""
        if self.learn_rate is not None:
            return self.learn_rate
        if self._on_loopback:
            return "off"
        return "observe" if "messages_per_second" in self.model_fields_set else "on"

    @property
    def pair_wait(self) -> float:
        """Seconds between two messages to a person; 0 = they are not spaced."""
        if self.pair_seconds is not None:
            return self.pair_seconds
        return 0 if self._on_loopback else PAIR_SECONDS

    @property
    def _on_loopback(self) -> bool:
        return self.base_url is not None and bool(LOOPBACK.fullmatch(self.base_url.host or ""))

    def why_no_pin(self, rate: float) -> str:
        """The reason why this rate cannot be pinned; empty if it can."""
        if self.learn_mode != "on":
            return (
                f'its rate is not learned (learn_rate is {self.learn_mode}): set learn_rate = "on", or '
                "give the rate as messages_per_second"
            )
        above = rate > self.ceiling
        return f"{rate:g} is above its limit of {self.ceiling:g} messages/s" if above else ""

    @property
    def ceiling(self) -> float:
        """Messages per second that a learned rate never exceeds."""
        return self.messages_per_second or HIGHEST_RATE

    @property
    def burst_messages(self) -> int:
        """Burst size in messages, at least 1."""
        return self.burst or max(1, min(1000, int(self.ceiling / 2)))

    @property
    def place(self) -> str:
        """The base URL without its password, for people."""
        return re.sub("//[^/]*@", "//", self.url)

    def key(self) -> SecretStr | None:
        """The API key from the environment or the key file, or None.

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

    def why_no_key(self) -> str:
        """The reason why `key` gives None, in words."""
        if self.api_key_env is not None:
            return f"api_key_env names {self.api_key_env}, which is not set or empty here"
        if self.api_key_file is not None:
            return f"the first line of api_key_file {self.api_key_file} is empty"
        return "no API key is configured: set api_key_env or api_key_file"


class Http(Section):
    """Timeouts of one request to the provider, in seconds."""

    connect_timeout: PositiveFloat = 5
    read_timeout: PositiveFloat = 20
    deadline: PositiveFloat = 30
    """Bounds the whole request, including a slow answer."""
    max_answer_bytes: PositiveInt = 8 * 1024 * 1024


class Batch(Section):
    """Size of one send-message-many request."""

    max_messages: int = Field(default=1000, ge=1, le=1000)
    max_bytes: int = Field(default=2 * 1024 * 1024, ge=64 * 1024)


class Retry(Section):
    """Number and spacing of attempts."""

    quick_attempts: PositiveInt = 3
    """Attempts of one batch within its claim, about a second apart."""
    quick_base: PositiveFloat = 0.25
    quick_cap: PositiveFloat = 2
    max_attempts: PositiveInt = 15
    """Attempts of one message in all; then it is `failed` and in the dead letters."""
    base_delay: PositiveFloat = 5
    """Seconds before the first retry batch; doubles with every retry batch."""
    max_delay: PositiveFloat = 900
    retry_after_default: PositiveFloat = 1
    retry_after_cap: PositiveFloat = 120


class Worker(Section):
    """Dispatcher and receipt loops of a worker."""

    max_in_air: PositiveInt = 32
    lease_seconds: PositiveFloat = 120
    sweep_seconds: PositiveFloat = 1
    priorities: list[Literal["urgent", "normal", "bulk"]] = Field(
        default=["urgent", "normal", "bulk"], min_length=1
    )
    """Fewer than all make a dedicated worker, whose loops always run."""


class Policies(Section):
    """Policies of a lane for messages in doubt and closed windows; a launch may override them."""

    campaign_on_unconfirmed: Literal["hold", "resend"] = "hold"
    notification_on_unconfirmed: Literal["hold", "resend"] = "resend"
    on_server_error: Literal["retry", "hold"] = "retry"
    settle_after: LongWait | None = None
    """Seconds to wait for status updates before the policy applies. None: `REPEATED_FOR` where receipts
    are received, else `resend_floor`; see `Settings.settle_after`."""
    resend_floor: LongWait = 60
    """Least seconds in doubt before a message is sent again, whatever `settle_after` says: the message
    behind an unreadable answer was probably accepted. Only tests lower it."""
    max_resends: int = Field(default=2, ge=0)
    """Most resends of a message in doubt; then it ends as `unconfirmed`."""
    resend_pauses: list[LongWait] = Field(default=[5, 60, 300], min_length=1)
    """Seconds that the first, second … resend waits on top of `settle_after`, each plus up to half of it
    at random. The last one holds for all further resends."""
    window: Literal["auto", "skip", "send"] = "auto"
    """Messages that need a service window, to people whose window is closed: skip them, send them, or
    (auto) skip them once people have written to the sub-account."""


class Webhooks(Section):
    """Receiver of receipts and replies."""

    host: str = "127.0.0.1"
    port: int = Field(default=8090, ge=0, le=65535)
    authorization: list[SecretStr] = Field(default=[], max_length=MOST_SECRETS)
    """Accepted values of the Authorization header: one, or two while the secret is rotated."""
    authorization_env: list[str] = Field(default=[], max_length=MOST_SECRETS)
    """Environment variables that hold them."""

    aside_days: PositiveFloat = 30
    """Days for which webhooks without a message of ours (replies, business events) are kept."""
    received: bool = False
    """Receipts are received although no authorization is configured here: by another process, or by
    `sendmany up`."""

    @property
    def wanted(self) -> bool:
        """True when an authorization is configured."""
        return bool(self.authorization or self.authorization_env)

    def secrets(self) -> tuple[SecretStr, ...]:
        """The authorizations from the settings and the environment.

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


def _key_from_file(path: Path) -> SecretStr | None:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"api_key_file {path} cannot be read: {type(error).__name__}."
        ) from error
    return SecretStr(lines[0].strip()) if lines and lines[0].strip() else None


class Campaigns(Section):
    """Checks of a launch."""

    max_invalid_share: float = Field(default=0.05, ge=0, le=1)
    """Greatest share of invalid rows; a launch with more must accept it explicitly."""
    launch_delay: float = Field(default=10, ge=0, le=3600)
    """Seconds in which a confirmed launch can be undone, at a terminal and on the page."""
    prices: Path | None = None
    """CSV of prices per message: country, category, price, currency. For estimates."""
    cap_messages: int = Field(default=0, ge=0, le=50)
    """Most marketing messages of campaigns of a sub-account to a person in `cap_days`; 0 = no cap."""
    cap_days: float = Field(default=7, ge=1, le=90)
    warm_up: bool = False
    """Launches without a canary of their own warm up marketing templates whose quality is not known to
    be good: 500 messages, 2,000, all. Needs receipts."""
    canary_seconds: float = Field(default=1800, gt=0, le=7 * 86_400)
    """Time between the end of a canary and the decision about the rest of its campaign."""
    canary_failed: float = Field(default=0.02, gt=0, le=1)
    """Share of a canary from which on it does not pass: failed, or with an unknown outcome."""
    canary_opted_out: float = Field(default=0.01, gt=0, le=1)
    """The same of its people who opted out."""


class QuietHours(Section):
    """Hours in which marketing may go to people, by their local time. No legal advice."""

    enabled: bool = False
    timezone: str = "UTC"
    """Zone of people whose own is unknown."""
    hours: dict[str, str] = {}
    """Hours of countries (`FR`), states (`US-FL`) and all others (`*`), instead of the shipped ones."""

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        if zone in available_timezones():
            return zone
        raise ValueError("there is no such zone: name one by its place, such as Europe/London")

    @field_validator("hours")
    @classmethod
    def _are_readable(cls, hours: dict[str, str]) -> dict[str, str]:
        for place, said in hours.items():
            check_hours(place, said)
        return hours


class Breakers(Section):
    """Thresholds and intervals of breakers; seconds unless stated otherwise."""

    server_errors: PositiveInt = 5
    """Consecutive requests of a sub-account with a server error that open its breaker."""
    server_first: PositiveFloat = 1
    """Before the first probe; doubles up to `server_longest`."""
    server_longest: PositiveFloat = 30
    account_first: PositiveFloat = 15
    account_longest: PositiveFloat = 300
    account_messages: int = Field(default=10, ge=1, le=1000)
    """Messages of a request that probes the key, the account or the channel."""
    template_first: PositiveFloat = 60
    template_longest: PositiveFloat = 900
    refused_with_one_code: PositiveInt = 20
    """Consecutive messages of a campaign, in whole requests, refused with one code, that stop it."""

    @model_validator(mode="after")
    def _grows(self) -> "Breakers":
        for name in ("server", "account", "template"):
            if getattr(self, f"{name}_longest") < getattr(self, f"{name}_first"):
                raise ValueError(f"{name}_longest must not be shorter than {name}_first")
        return self


class OptOuts(Section):
    """Words in replies that suppress a person, and words that lift the suppression."""

    words: list[str] | None = Field(default=None, min_length=1)
    """Whole messages that are an opt-out; None = a list in some twenty languages, `STOP` among them."""
    start_words: list[str] | None = None
    """Whole messages that withdraw it; None = the built-in list. Empty: only an operator can."""
    scope: Literal["sub-account", "global"] = "sub-account"
    """Scope of an opt-out: the sub-account that it was sent to, or all of them."""


class LogColumn(StrEnum):
    """Columns of the provider's log."""

    CLIENT_MESSAGE_ID = "client_message_id"
    UMID = "umid"
    STATUS = "status"
    DETAIL = "detail"
    CODE = "code"
    AT = "at"
    CHANNEL = "channel"
    NUMBER = "number"


class Backfill(Section):
    """Lost receipts are fetched from the provider's log."""

    columns: dict[LogColumn, str] = {}
    """Names of the log's columns. Without that of `client_message_id` messages cannot be matched."""
    automatic: bool = True
    """Workers ask about unconfirmed messages, and about accepted ones without a receipt."""
    after: Annotated[float, Field(gt=0, le=86_400)] = 600
    """Seconds from posting a message until they ask first; then after 6, 36, 144 and 432 times that."""

    @property
    def possible(self) -> bool:
        """True when the log can be matched with messages."""
        return bool(self.columns.get(LogColumn.CLIENT_MESSAGE_ID))


class Broker(Section):
    """Celery's broker, beside its address."""

    queue_type: Literal["classic", "quorum"] = "classic"
    """Of RabbitMQ; quorum queues are replicated."""
    transport_options: dict[str, bool | int | float | str] = {}
    """Options of connections."""

    @field_validator("transport_options")
    @classmethod
    def _options_are_known(cls, options: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(options.keys() - BROKER_OPTIONS)
        if unknown:
            raise ValueError(
                f"{unknown[0]!r} is none of {', '.join(sorted(BROKER_OPTIONS))}; login, TLS and the "
                "names of keys have settings of their own"
            )
        return options


class Tls(Section):
    """Certificates of connections to Redis, sentinels and the broker, where the address is with TLS."""

    ca_file: Path | None = None
    """PEM file of the authorities that are trusted; None: those of the system."""
    cert_file: Path | None = None
    """Client certificate, PEM."""
    key_file: Path | None = None
    """Its key, without a passphrase; None: it is in `cert_file`."""

    def see_that_usable(self) -> None:
        """Raise SettingsError if the files cannot be used."""
        if self.key_file and not self.cert_file:
            raise SettingsError("tls.key_file needs tls.cert_file, the certificate of this key")
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise SettingsError(f"tls.ca_file {self.ca_file} {_why_no_pem(error)}") from error
        try:
            if self.cert_file:
                context.load_cert_chain(self.cert_file, self.key_file, password="")
        except OSError as error:
            files = f"tls.cert_file {self.cert_file} with key {self.key_file or self.cert_file}"
            raise SettingsError(f"{files} {_why_no_pem(error)}") from error


def _why_no_pem(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (
            "cannot be used: PEM is expected, a certificate with its own key, without a passphrase"
        )
    return f"cannot be read: {error.strerror}"


class Stream(Section):
    """The outcome stream of a sub-account, while something reads it."""

    keep_days: float = Field(default=7, gt=0, le=7)
    max_bytes: PositiveInt = 1024 * 1024 * 1024
    """Of each sub-account; the oldest entries go."""


class Subscriptions(Section):
    """Endpoints that are sent news of messages."""

    trusted: list[Annotated[str, Field(pattern=r"^[^/@\s:]+:[0-9]{1,5}$")]] = []
    """`host:port` of endpoints that may have http, another port, and a private address."""


class Web(Section):
    """Address and limits of the HTTP API."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    """0 means any free port."""
    max_body_bytes: PositiveInt = 16 * 1024 * 1024
    max_upload_bytes: PositiveInt = 4 * 1024 * 1024 * 1024
    """Size of a recipient file, which is parsed while it arrives."""
    body_seconds: PositiveFloat = 30
    """Time to receive a body; an upload gets more while at least 16 KiB arrive each second."""
    max_requests: PositiveInt = 200
    """Concurrent requests; further ones are answered 503."""
    max_streams: PositiveInt = 100
    """Concurrent readers of live events."""
    max_connections: PositiveInt = 1000
    user_header: str = Field(default="", pattern=r"^([A-Za-z0-9-]{1,64})?$")
    """Header in which a proxy names the person whom it has signed in; the page acts with the token of
    that name. Empty: people sign in with tokens alone."""
    user_proxies: list[IPvAnyNetwork] = []
    """Addresses and networks of that proxy. What can connect from them can act as any person, so no
    browser may run there."""

    @field_validator("user_header")
    @classmethod
    def _names_people_alone(cls, name: str) -> str:
        if name.lower() in ("authorization", "cookie", "host", "origin"):
            raise ValueError(f"{name} means something else: name the header that the proxy sets")
        return name.lower()

    @model_validator(mode="after")
    def _proxies_are_known(self) -> Self:
        if self.user_header and not self.user_proxies:
            raise ValueError(
                "user_header needs user_proxies, the addresses of the proxy that sets it, such as "
                '["10.0.0.7"]: from others it is not believed'
            )
        return self
