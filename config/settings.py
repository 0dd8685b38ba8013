"""Settings: environment variables `SENDMANY_…` over a TOML file over defaults.

The file is the one named by `SENDMANY_CONFIG`, else `sendmany.toml` in the working directory. Nested
settings take two underscores in the environment: `SENDMANY_HTTP__DEADLINE=20`. Every setting is
explained in `config/sendmany.example.toml`. Settings missing in both are taken from a `sendmany up` that
runs in the state directory, so that other commands find its server and its sandbox.
"""

import difflib
import errno
import os
import re
import ssl
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from pydantic import (
    Field,
    NonNegativeFloat,
    PositiveFloat,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as SourceError

from config.addresses import parse_cluster, parse_sentinels
from config.reactions import ReactionRule, reactions_by_code
from config.running_instance import read_note
from config.sections import (
    REPEATED_FOR,
    Backfill,
    Batch,
    Breakers,
    Broker,
    Campaigns,
    Http,
    OptOuts,
    Policies,
    QuietHours,
    Retry,
    Section,
    SettingsError,
    Stream,
    SubAccount,
    SubAccountId,
    Subscriptions,
    Tls,
    Web,
    Webhooks,
    Worker,
)

_IN_OUR_WORDS = {
    "extra_forbidden": "there is no such setting",
    "model_type": "give a table of settings",
}
"""Messages of pydantic that are not for people, by their types."""
LEAST_SECRET, MOST_SECRET = 16, 64
"""Length of the secret in bytes."""
_PREFIX = "SENDMANY_"
_NOT_OURS = re.compile(
    r"TOML|SAMPLES|TEST_\w+"  # for Compose, for tests
    # Kubernetes adds these to every container where a Service is called `sendmany…`:
    r"|(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)=.*"
    r"|(\w+_)?PORT=\w+://.*"
)
"""Variables without the prefix that are not settings and are ignored."""


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
    key_prefix: str = ""
    """Prefix of every key, Celery's included, for a database shared with others."""
    secret: SecretStr | None = Field(default=None, min_length=LEAST_SECRET)
    """HMAC key for what stays of forgotten people; it is not stored in Redis."""
    secret_file: Path | None = None
    """File whose first line is the secret."""
    state_dir: Path = Path(".sendmany")
    """Directory of `sendmany up` for the embedded server's data."""
    sub_accounts: dict[SubAccountId, SubAccount] = {}
    default_sub_account: SubAccountId | None = None
    """Used when none is named; not needed when there is only one."""
    default_region: str | None = None
    """Country of national numbers in recipient files, such as `GB`."""
    retention_days: PositiveFloat = 30
    keep_values: NonNegativeFloat = 7
    """Days for which values of a campaign's messages are kept after its end, for retries; 0 = not."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "console", "json"] = "auto"
    broker: Broker = Broker()
    tls: Tls = Tls()
    http: Http = Http()
    batch: Batch = Batch()
    retry: Retry = Retry()
    worker: Worker = Worker()
    policies: Policies = Policies()
    campaigns: Campaigns = Campaigns()
    quiet_hours: QuietHours = QuietHours()
    breakers: Breakers = Breakers()
    webhooks: Webhooks = Webhooks()
    opt_outs: OptOuts = OptOuts()
    reactions: list[ReactionRule] = []
    """Reactions to codes of receipts, instead of the defaults (config/reactions.py)."""
    backfill: Backfill = Backfill()
    stream: Stream = Stream()
    subscriptions: Subscriptions = Subscriptions()
    web: Web = Web()

    @field_validator("default_region")
    @classmethod
    def _region_is_known(cls, region: str | None) -> str | None:
        from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415 — 60 modules, for this alone

        if region is None or region.upper() in SUPPORTED_REGIONS:
            return region and region.upper()
        raise ValueError(f"{region!r} is no region: give two letters such as GB")

    @field_validator("redis_url", "broker_url")
    @classmethod
    def _servers_are_named(cls, url: str | None) -> str | None:
        parse_sentinels(url or "")
        parse_cluster(url or "")
        return url

    @field_validator("key_prefix")
    @classmethod
    def _prefix_is_plain(cls, prefix: str) -> str:
        if re.fullmatch(r"[A-Za-z0-9_.:-]{0,64}", prefix):
            return prefix
        raise ValueError("give at most 64 letters, digits and _ . : -, such as 'shop:'")

    @field_validator("reactions")
    @classmethod
    def _codes_have_one_reaction(cls, rules: list[ReactionRule]) -> list[ReactionRule]:
        codes = [rule.code for rule in rules]
        if twice := [code for code in codes if codes.count(code) > 1]:
            raise ValueError(f"code {twice[0]} is given more than once: give each one reaction")
        return rules

    @model_validator(mode="after")
    def _broker_is_no_cluster(self) -> "Settings":
        if parse_cluster(self.broker_url or self.redis_url):
            raise ValueError(
                "Celery's broker cannot be a Redis Cluster: set broker_url to a Redis of its own, to "
                "sentinels or to RabbitMQ"
            )
        return self

    @model_validator(mode="after")
    def _default_exists(self) -> "Settings":
        name = self.default_sub_account
        if name is not None and name not in self.sub_accounts:
            raise ValueError(f"default_sub_account {name!r} is not among sub_accounts")
        return self

    @model_validator(mode="after")
    def _leases_outlive_requests(self) -> "Settings":
        lease, deadline = self.worker.lease_seconds, self.http.deadline
        if lease <= deadline:
            raise ValueError(
                f"worker.lease_seconds ({lease:g}) must be longer than http.deadline ({deadline:g}): a "
                "lease that runs out during a request leaves its messages in doubt"
            )
        return self

    @model_validator(mode="after")
    def _portfolios_have_one_tier(self) -> "Settings":
        tiers: dict[str, Any] = {}
        for name, account in self.sub_accounts.items():
            portfolio = self.portfolio_of(name)
            if account.tier != tiers.setdefault(portfolio, account.tier):
                raise ValueError(
                    f"the sub-accounts of portfolio {portfolio} have one tier: give each the same"
                )
        return self

    def portfolio_of(self, sub_account: str) -> str:
        """The portfolio of a sub-account: the one that it names, or its own."""
        return self.sub_accounts[sub_account].portfolio or sub_account

    def tier_of(self, portfolio: str) -> int | None:
        """The configured tier of a portfolio: 0 = unlimited; None = nothing is counted."""
        names = filter(lambda name: self.portfolio_of(name) == portfolio, self.sub_accounts)
        tier = self.sub_accounts[next(names)].tier
        return 0 if tier == "unlimited" else tier

    @property
    def store_url(self) -> str:
        """`redis_url` with the certificates of `tls`."""
        return _with_tls(self.redis_url, self.tls)

    @property
    def _broker(self) -> str:
        return _with_tls(self.broker_url or self.redis_url, self.tls)

    @property
    def celery_url(self) -> str:
        """URL of the broker in Celery's form."""
        return _as_celery_spells_it(self._broker)

    @property
    def broker_options(self) -> dict[str, Any]:
        """Transport options that are configured, and those that the broker's address stands for."""
        found, given = parse_sentinels(self._broker), self.broker.transport_options
        if found is None:
            return given
        return {**given, "master_name": found.master, "sentinel_kwargs": found.own}

    @property
    def broker_use_ssl(self) -> dict[str, Any] | None:
        """Options of TLS that Celery does not take from the broker's URL."""
        if self._broker.startswith("amqps://"):
            files = {
                "ca_certs": self.tls.ca_file,
                "certfile": self.tls.cert_file,
                "keyfile": self.tls.key_file,
            }
            # With None, the host of the URL is the name that the certificate must have.
            checked = {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}
            return {name: str(file) for name, file in files.items() if file} | checked
        found = parse_sentinels(self._broker)
        return found and found.tls

    @property
    def settle_after(self) -> float:
        """Seconds to wait for status updates: from `policies`, else depending on whether receipts are
        received."""
        if self.policies.settle_after is not None:
            return self.policies.settle_after
        if self.webhooks.received or self.webhooks.wanted:
            return REPEATED_FOR
        return self.policies.resend_floor

    @property
    def learning(self) -> tuple[str, ...]:
        """Sub-accounts whose rate is learned."""
        accounts = self.sub_accounts.items()
        return tuple(name for name, account in accounts if account.learn_mode != "off")

    @property
    def in_air_ceilings(self) -> dict[str, int]:
        """`max_in_air` of the sub-accounts whose learned limits are used."""
        accounts = self.sub_accounts.items()
        return {name: one.max_in_air for name, one in accounts if one.learn_mode == "on"}

    @property
    def reactions_in_force(self) -> Mapping[int, ReactionRule]:
        """Reactions in force."""
        return reactions_by_code(self.reactions)

    def secret_key(self) -> bytes | None:
        """The secret, or None.

        Raises:
            SettingsError: its file cannot be read, or is too short.
        """
        if self.secret is not None:
            return self.secret.get_secret_value().encode()[:MOST_SECRET]
        return None if self.secret_file is None else _secret_in(self.secret_file)

    def sub_account_id(self, wanted: str | None = None) -> str:
        """Choose the sub-account: the wanted one, the default, or the only one.

        Raises:
            SettingsError: it is not configured, or the choice is ambiguous.
        """
        known = ", ".join(sorted(self.sub_accounts)) or "none"
        if not self.sub_accounts:
            raise SettingsError(
                "No sub-account is configured: add [sub_accounts.NAME] to sendmany.toml "
                "(see config/sendmany.example.toml of the repository), or try `sendmany up --sandbox`."
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
        given = {"state_dir": ".sendmany", **toml(), **env_settings()}
        running = InitSettingsSource(settings_cls, _offered(given))
        return init_settings, env_settings, toml, running


def _with_tls(url: str, tls: Tls) -> str:
    """A URL of a Redis with TLS with these certificates; options in the URL win.

    Raises:
        SettingsError: the files cannot be used.
    """
    if url.startswith(("rediss", "amqps")):
        tls.see_that_usable()
    if not url.startswith("rediss"):
        return url
    files = {
        "ssl_ca_certs": tls.ca_file,
        "ssl_certfile": tls.cert_file,
        "ssl_keyfile": tls.key_file,
    }
    more = urlencode({n: str(file) for n, file in files.items() if file and f"{n}=" not in url})
    return url + (("&" if "?" in url else "?") + more if more else "")


def _as_celery_spells_it(url: str) -> str:
    """The same server and database in the form of Celery, which parses the URL of a Redis differently.

    redis-py takes the number of the database from `?db=`, else from the path; Celery from
    `?virtual_host=` of a socket, else from the path, and fails on options other than those of TLS.
    """
    try:
        sentinels, parts = parse_sentinels(url), urlsplit(url)
    except ValueError:  # not a URL: connecting reports it
        return url
    if sentinels is not None:
        return sentinels.for_celery
    if parts.scheme not in ("unix", "redis", "rediss"):
        return url
    options = dict(parse_qsl(parts.query))
    socket = parts.scheme == "unix"
    database = options.get("db") or ("" if socket else parts.path.strip("/"))
    database = database if database.isdecimal() else "0"
    login = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    if not login and "password" in options:
        login = f"{quote(options.get('username', ''), '')}:{quote(options['password'], '')}@"
    if socket:
        return f"redis+socket://{login}{parts.path}?virtual_host={database}"
    tls = {name: value for name, value in options.items() if name.startswith("ssl_")}
    if parts.scheme == "rediss":  # Celery by default would not check certificates
        tls.setdefault("ssl_cert_reqs", "required")
    place = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{login}{place}/{database}" + (f"?{urlencode(tls)}" if tls else "")


def _offered(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a running `sendmany up` offers.

    Raises:
        SettingsError: it is unclear whether one runs, and no other server is configured.
    """
    home = Path(given["state_dir"])
    try:
        offered: dict[str, Any] = read_note(home).get("settings", {})
    except (PermissionError, NotADirectoryError) as error:
        if "redis_url" in given:
            return {}
        what = home if error.filename is None else error.filename
        raise SettingsError(
            f"The state directory {home} cannot be used ({what}: {error.strerror}). Make it yours, or "
            "name another one with SENDMANY_STATE_DIR."
        ) from error
    return offered


@cache
def _secret_in(path: Path) -> bytes:
    try:
        found = path.read_bytes().split(b"\n")[0].strip()
    except OSError as error:
        raise SettingsError(f"secret_file {path} cannot be read: {error.strerror}") from error
    if len(found) < LEAST_SECRET:
        raise SettingsError(
            f"secret_file {path}: its first line is shorter than {LEAST_SECRET} bytes"
        )
    return found[:MOST_SECRET]


def config_file() -> Path | None:
    """The TOML file in use: `SENDMANY_CONFIG`, else `sendmany.toml` here, else None."""
    named = os.environ.get("SENDMANY_CONFIG")
    if named:
        return Path(named)
    here = Path("sendmany.toml")
    return here if os.path.lexists(here) else None


@cache
def load_settings() -> Settings:
    """Read the settings; cached per process.

    Raises:
        SettingsError: the file is missing or unreadable, or a value is invalid; names each place.
    """
    path = config_file()
    try:
        _see_that_there(path)
        settings = Settings()
    except OSError as error:
        raise SettingsError(
            f"The settings cannot be read ({path or 'environment'}): {error.strerror}. Make it a file "
            "that you may read, or name another one with SENDMANY_CONFIG."
        ) from error
    except ValidationError as error:
        raise SettingsError(_explain(error, path)) from error
    except SourceError as error:  # in the environment, tables and lists are JSON
        raise SettingsError(
            f"The settings cannot be read: {_variable(error)} is not JSON."
        ) from error
    except ValueError as error:  # invalid TOML or JSON
        raise SettingsError(
            f"The settings cannot be read ({path or 'environment'}): {error}"
        ) from error
    _refuse_unknown_variables(settings)
    return settings


def _refuse_unknown_variables(settings: Settings) -> None:
    """Raise SettingsError for unknown variables: a misspelt one would silently leave the default."""
    known = {*map(str.upper, Settings.model_fields), "CONFIG"}
    named = {account.api_key_env for account in settings.sub_accounts.values()}
    named.update(settings.webhooks.authorization_env)
    for name, value in sorted(os.environ.items()):
        if not name.upper().startswith(_PREFIX) or name in named:
            continue
        setting = name.upper().removeprefix(_PREFIX)
        not_ours = _NOT_OURS.fullmatch(setting) or _NOT_OURS.fullmatch(f"{setting}={value}")
        if setting.partition("__")[0] not in known and not not_ours:
            alike = difflib.get_close_matches(setting, known | _nested_names(), 1)
            hint = f": is {_PREFIX}{alike[0]} meant?" if alike else "."
            raise SettingsError(f"{name} in the environment is no setting{hint}")


def _nested_names() -> set[str]:
    """The variables of settings in sections."""
    return {
        f"{section}__{name}".upper()
        for section, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
        for name in field.annotation.model_fields
    }


def _see_that_there(path: Path | None) -> None:
    """Raise SettingsError or OSError if there is no such file: pydantic skips a path that is not a
    file."""
    if path is None or path.is_file():
        return
    if not path.exists():
        raise SettingsError(f"SENDMANY_CONFIG names {path}, which does not exist.")
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    raise OSError(errno.EINVAL, "it is no regular file")


def _variable(error: Exception) -> str:
    """The environment variable of the field that the error quotes."""
    field = re.search('"([^"]+)"', str(error))
    name = f"SENDMANY_{field[1].upper()}" if field else "SENDMANY"
    return f"{name} in the environment, or {name}__…,"


def _explain(error: ValidationError, path: Path | None) -> str:
    problems = "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: "
        + _IN_OUR_WORDS.get(problem["type"], problem["msg"].removeprefix("Value error, "))
        for problem in error.errors(include_input=False, include_url=False)
    )
    return f"The settings do not fit ({path or 'environment'}): {problems}."
