"""Security settings of the broker, converted to the arguments of each Kafka client.

Law: librdkafka, aiokafka and Faust get equivalent settings, and this is the only module that makes
them. A password or token never appears in a ``repr`` or a message.

Known limit: an OAUTHBEARER callback is called for every connection and must reuse its own tokens.
"""

import asyncio
import importlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import faust.auth
from aiokafka.abc import AbstractTokenProvider

from detector.core.errors import Fault, SettingsError

TokenCallback = Callable[[], tuple[str, float]]
"""Returns a token and its expiry in epoch seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """How to connect to the brokers, in Kafka's terms; empty means not used.

    ``protocol``: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL. ``mechanism``: PLAIN, SCRAM-SHA-256,
    SCRAM-SHA-512 or OAUTHBEARER. Files are PEM; without ``ca_file`` the system's authorities are
    trusted. ``oauth_callback`` is ``module:function``, a ``TokenCallback``.
    """

    protocol: str = "PLAINTEXT"
    mechanism: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    oauth_callback: str = ""

    @property
    def uses_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.protocol in {"SSL", "SASL_SSL"}


def librdkafka_client(broker: str, security: Security) -> dict[str, Any]:
    """Return the connection properties of confluent-kafka's clients.

    With OAUTHBEARER the client requests tokens while it is polled.
    """
    properties: dict[str, Any] = {
        "bootstrap.servers": broker,
        "security.protocol": security.protocol,
    }
    if security.uses_tls:
        properties["ssl.ca.location"] = str(security.ca_file or "probe")
        if security.certificate_file:
            properties["ssl.certificate.location"] = str(security.certificate_file)
            properties["ssl.key.location"] = str(security.key_file)
    if security.mechanism:
        properties["sasl.mechanism"] = security.mechanism
        if security.mechanism == "OAUTHBEARER":
            callback = load_callback(security.oauth_callback)
            properties["oauth_cb"] = lambda _config: callback()
        else:
            properties["sasl.username"] = security.username
            properties["sasl.password"] = security.password
    return properties


def aiokafka_client(broker: str, security: Security) -> dict[str, Any]:
    """Return the connection arguments of aiokafka's clients."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": broker.split(","),
        "security_protocol": security.protocol,
    }
    if security.uses_tls:
        arguments["ssl_context"] = tls_context(security)
    if security.mechanism:
        arguments["sasl_mechanism"] = security.mechanism
        if security.mechanism == "OAUTHBEARER":
            arguments["sasl_oauth_token_provider"] = _TokenProvider(security.oauth_callback)
        else:
            arguments["sasl_plain_username"] = security.username
            arguments["sasl_plain_password"] = security.password
    return arguments


def faust_credentials(security: Security) -> faust.auth.Credentials | None:
    """Return Faust's ``broker_credentials``; ``None`` for a broker without security."""
    context = tls_context(security) if security.uses_tls else None
    if security.mechanism == "OAUTHBEARER":
        provider = _TokenProvider(security.oauth_callback)
        return faust.auth.OAuthCredentials(oauth_cb=provider, ssl_context=context)
    if security.mechanism:
        return faust.auth.SASLCredentials(
            username=security.username,
            password=security.password,
            ssl_context=context,
            mechanism=security.mechanism,
        )
    return faust.auth.SSLCredentials(context) if context is not None else None


def tls_context(security: Security) -> ssl.SSLContext:
    """Return a context that verifies the broker's certificate and name, with our own if set.

    Raises ``SettingsError`` when a file does not hold certificates or the key.
    """
    try:
        context = ssl.create_default_context(cafile=security.ca_file)
    except (ssl.SSLError, OSError) as error:
        raise _refused("security.ca_file", security.ca_file, "certificates in PEM") from error
    own = security.certificate_file
    if own:
        try:
            context.load_cert_chain(own, security.key_file)
        except (ssl.SSLError, OSError) as error:
            expected = "a certificate in PEM that belongs to security.key_file"
            raise _refused("security.certificate_file", own, expected) from error
    return context


def load_callback(name: str) -> TokenCallback:
    """Import ``module:function``; raises ``SettingsError`` when it does not exist."""
    module, _, function = name.partition(":")
    try:
        callback: TokenCallback = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        expected = "module:function of a module that can be imported"
        raise _refused("security.oauth_callback", name, expected) from error
    return callback


class _TokenProvider(AbstractTokenProvider):  # type: ignore[misc]
    """Calls the callback on a thread, because it may use the network."""

    def __init__(self, name: str) -> None:
        self._callback = load_callback(name)

    async def token(self) -> str:
        """Return a token that has not expired."""
        token, _ = await asyncio.to_thread(self._callback)
        return token


def _refused(setting: str, found: object, expected: str) -> SettingsError:
    return SettingsError([Fault(0, setting, repr(str(found)), expected)])
