"""Every setting's error names its key and the remedy, and quotes no secret."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pycurl
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask

from flask_allmine_liveactivity import (
    ConfigurationError,
    ConsolePush,
    LiveActivity,
    MemoryPush,
    MemoryStorage,
    PushBackend,
    StorageUnavailable,
    StreamState,
)
from flask_allmine_liveactivity.push.apns.client import ApnsPush

from .apps import apple_key, bare_app, installation, pem, rsa_key

Make = Callable[..., Flask]
APPLE_KEY = apple_key()
APNS = {
    "LIVE_ACTIVITY_APNS_KEY": APPLE_KEY,
    "LIVE_ACTIVITY_APNS_KEY_ID": "ABCDE12345",
    "LIVE_ACTIVITY_APNS_TEAM_ID": "TEAM123456",
    "LIVE_ACTIVITY_APNS_BUNDLE_ID": "com.example.allmine",
    "LIVE_ACTIVITY_APNS_ENVIRONMENT": "sandbox",
}


def refusal(**config: Any) -> str:
    """What ``init_app`` says to a configuration that is wrong."""
    app = bare_app(LIVE_ACTIVITY_STORAGE_URI="memory://", TESTING=True)
    app.config.update(config)
    with pytest.raises(ConfigurationError) as caught:
        LiveActivity(app)
    return str(caught.value)


def settings_of(**config: Any) -> Any:
    app = bare_app(LIVE_ACTIVITY_STORAGE_URI="memory://", TESTING=True)
    app.config.update(config)
    LiveActivity(app)
    return installation(app).settings


# --- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("LIVE_ACTIVITY_STORAGE_URL", "LIVE_ACTIVITY_STORAGE_URI"),
        ("LIVE_ACTIVITY_APNS_KEYID", "LIVE_ACTIVITY_APNS_KEY_ID"),
        ("LIVE_ACTIVITY_SWEEP_INTERVALL", "LIVE_ACTIVITY_SWEEP_INTERVAL"),
    ],
)
def test_an_unknown_key_is_refused_with_the_one_that_was_meant(typo: str, meant: str) -> None:
    assert refusal(**{typo: 1}) == f"There is no setting {typo}. Did you mean {meant}?"


def test_an_unknown_key_that_is_like_none_is_refused() -> None:
    assert refusal(LIVE_ACTIVITY_QQ=1).startswith("There is no setting LIVE_ACTIVITY_QQ.")


def test_keys_of_others_are_left_alone() -> None:
    settings_of(LIVE_STREAM_X=1, ACTIVITY=2)


@pytest.mark.parametrize(
    "name",
    ["LEASE", "SWEEP_INTERVAL", "SESSION_LIFETIME", "STREAM_TTL", "DISMISS_AFTER"],
)
@pytest.mark.parametrize(
    "value", ["60", True, -1, float("nan"), float("inf"), [], timedelta(seconds=-5), 10**12]
)
def test_a_duration_that_is_none(name: str, value: Any) -> None:
    message = refusal(**{f"LIVE_ACTIVITY_{name}": value})
    assert message.startswith(f"LIVE_ACTIVITY_{name} must be seconds")


@pytest.mark.parametrize("value", [90, 90.0, timedelta(seconds=90)])
def test_a_duration_is_seconds_or_a_timedelta(value: Any) -> None:
    assert settings_of(LIVE_ACTIVITY_LEASE=value).lease == 90.0


@pytest.mark.parametrize("name", ["BATCH_SIZE", "MAX_SESSIONS_PER_USER", "APNS_CONNECTIONS"])
@pytest.mark.parametrize("value", ["5", 0, -1, 1.5, True, 10**9])
def test_a_count_that_is_none(name: str, value: Any) -> None:
    message = refusal(**{f"LIVE_ACTIVITY_{name}": value})
    assert message.startswith(f"LIVE_ACTIVITY_{name} must be a whole number from 1 to")


@pytest.mark.parametrize("value", ["true", 1, None])
def test_a_flag_that_is_none(value: Any) -> None:
    message = refusal(LIVE_ACTIVITY_ALLOW_ANY_STREAM=value)
    assert message.startswith("LIVE_ACTIVITY_ALLOW_ANY_STREAM must be True or False")


@pytest.mark.parametrize(
    "name",
    ["STORAGE_URI", "URL_PREFIX", "APNS_BUNDLE_ID", "APNS_SERVER", "APNS_CA", "APNS_PROXY"],
)
@pytest.mark.parametrize("value", [5, True, [], b"x"])
def test_a_text_that_is_none(name: str, value: Any) -> None:
    message = refusal(LIVE_ACTIVITY_PUSH="memory", **{f"LIVE_ACTIVITY_{name}": value})
    assert f"LIVE_ACTIVITY_{name} must be a string, and is a {type(value).__name__}" in message


@pytest.mark.parametrize("name", ["STREAM_ID_PATTERN", "TOKEN_PATTERN"])
@pytest.mark.parametrize("value", [5, None, "[", "(?P<a"])
def test_a_pattern_that_is_none(name: str, value: Any) -> None:
    assert "regular expression" in refusal(**{f"LIVE_ACTIVITY_{name}": value})


@pytest.mark.parametrize("value", ["timeout=5", 5, ["a"]])
def test_options_that_are_no_mapping(value: Any) -> None:
    message = refusal(LIVE_ACTIVITY_STORAGE_OPTIONS=value)
    assert message.startswith("LIVE_ACTIVITY_STORAGE_OPTIONS must be a mapping")


@pytest.mark.parametrize("prefix", ["api", "/api/", "/", "//api", "/a b", "/<x>"])
def test_a_url_prefix_of_a_bad_form(prefix: str) -> None:
    assert "must begin with a slash" in refusal(LIVE_ACTIVITY_URL_PREFIX=prefix)


@pytest.mark.parametrize("value", ["threads", None, 5, ""])
def test_a_delivery_that_is_none_of_them(value: Any) -> None:
    message = refusal(LIVE_ACTIVITY_DELIVERY=value)
    assert "'thread', 'inline', 'celery', 'worker'" in message


def test_a_stream_forgotten_before_its_sessions() -> None:
    message = refusal(LIVE_ACTIVITY_STREAM_TTL=3600)
    assert "LIVE_ACTIVITY_STREAM_TTL is less than LIVE_ACTIVITY_SESSION_LIFETIME" in message


def test_a_longer_session_lifetime_lengthens_the_streams() -> None:
    assert settings_of(LIVE_ACTIVITY_SESSION_LIFETIME=timedelta(days=2)).stream_ttl == 48 * 3600


def test_a_dismissal_by_an_unknown_state() -> None:
    message = refusal(LIVE_ACTIVITY_DISMISS_AFTER={"canceled": 5})
    assert "'canceled'" in message
    assert "cancelled, ready, started, expired" in message


def test_a_dismissal_by_state_of_a_wrong_type() -> None:
    assert "LIVE_ACTIVITY_DISMISS_AFTER['ready']" in refusal(
        LIVE_ACTIVITY_DISMISS_AFTER={"ready": "soon"}
    )


def test_a_dismissal_by_state_leaves_the_others_at_once() -> None:
    settings = settings_of(LIVE_ACTIVITY_DISMISS_AFTER={StreamState.READY: 60, "started": None})
    assert settings.dismiss_after == {"cancelled": 0, "ready": 60, "started": None, "expired": 0}


# --- Apple ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", sorted(APNS))
def test_some_apns_keys_but_not_all_names_the_missing_one(missing: str) -> None:
    given = {key: value for key, value in APNS.items() if key != missing}
    assert refusal(**given).startswith(f"Pushing to Apple needs {missing} too.")


def test_push_apns_without_keys_names_all_of_them() -> None:
    message = refusal(LIVE_ACTIVITY_PUSH="apns")
    assert all(key in message for key in APNS)


def test_apns_is_the_default_where_its_keys_are_set() -> None:
    app = bare_app(LIVE_ACTIVITY_STORAGE_URI="memory://", **APNS)
    LiveActivity(app)
    assert isinstance(installation(app).push, ApnsPush)
    installation(app).close()


@pytest.mark.parametrize("name", ["APNS_KEY_ID", "APNS_TEAM_ID"])
@pytest.mark.parametrize("value", [1234567890, 12e300, float("inf")])
def test_a_key_id_that_from_prefixed_env_made_a_number(name: str, value: Any) -> None:
    message = refusal(**{**APNS, f"LIVE_ACTIVITY_{name}": value})
    assert message.startswith(f"LIVE_ACTIVITY_{name} must be a string")
    assert "from_prefixed_env()" in message
    assert "double quotes" in message


def test_from_prefixed_env_really_makes_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_LIVE_ACTIVITY_APNS_KEY_ID", "1234567890")
    app = bare_app(**{**APNS, "LIVE_ACTIVITY_STORAGE_URI": "memory://"})
    app.config.from_prefixed_env()
    with pytest.raises(ConfigurationError, match="from_prefixed_env"):
        LiveActivity(app)


def test_a_key_id_in_quotes_survives_from_prefixed_env(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_LIVE_ACTIVITY_APNS_KEY_ID", '"1234567890"')
    app = bare_app(**{**APNS, "LIVE_ACTIVITY_STORAGE_URI": "memory://"})
    app.config.from_prefixed_env()
    LiveActivity(app)
    assert installation(app).settings.apns.key_id == "1234567890"


@pytest.mark.parametrize("value", ["ABCDE1234", "ABCDE123456", "ABCDE-2345", "", " ABCDE12345"])
@pytest.mark.parametrize("name", ["APNS_KEY_ID", "APNS_TEAM_ID"])
def test_an_id_that_has_not_ten_characters(name: str, value: str) -> None:
    message = refusal(**{**APNS, f"LIVE_ACTIVITY_{name}": value})
    assert message.startswith(f"LIVE_ACTIVITY_{name} must be")
    assert f"{len(value)} characters" in message


@pytest.mark.parametrize("value", ["com example", "com/example", "", "a" * 201])
def test_a_bundle_id_of_a_bad_form(value: str) -> None:
    message = refusal(**{**APNS, "LIVE_ACTIVITY_APNS_BUNDLE_ID": value})
    assert message.startswith("LIVE_ACTIVITY_APNS_BUNDLE_ID must be")


@pytest.mark.parametrize("value", ["prod", "development", "Sandbox", ""])
def test_an_environment_that_is_none(value: str) -> None:
    message = refusal(**{**APNS, "LIVE_ACTIVITY_APNS_ENVIRONMENT": value})
    assert "'production', 'sandbox', 'auto'" in message


@pytest.mark.parametrize("value", ["http://a", "a", "https://", "https://a/b", "https://u:p@a"])
def test_a_server_that_is_no_base_url(value: str) -> None:
    message = refusal(**{**APNS, "LIVE_ACTIVITY_APNS_SERVER": value})
    assert message.startswith("LIVE_ACTIVITY_APNS_SERVER must be a base URL")


@pytest.mark.parametrize("value", ["http://a", "", "https://a/b", 5, None])
def test_a_server_of_an_environment_that_is_no_base_url(value: Any) -> None:
    message = refusal(**{**APNS, "LIVE_ACTIVITY_APNS_SERVER": {"sandbox": value}})
    assert message.startswith("LIVE_ACTIVITY_APNS_SERVER['sandbox'] must be a base URL")


@pytest.mark.parametrize("name", ["Production", "auto", "", 5])
def test_a_server_of_an_environment_that_there_is_not(name: Any) -> None:
    servers = {"production": "https://a", name: "https://b"}
    message = refusal(**{**APNS, "LIVE_ACTIVITY_APNS_SERVER": servers})
    assert f"has the environment {name!r}: there are 'production' and 'sandbox'" in message


@pytest.mark.parametrize("environment", ["auto", "production", "sandbox"])
def test_servers_by_environment(environment: str) -> None:
    app = bare_app(LIVE_ACTIVITY_STORAGE_URI="memory://", TESTING=True)
    servers = {"sandbox": "https://127.0.0.1:2197/"}
    app.config.update(
        {
            **APNS,
            "LIVE_ACTIVITY_APNS_ENVIRONMENT": environment,
            "LIVE_ACTIVITY_APNS_SERVER": servers,
        }
    )
    LiveActivity(app)
    apns = installation(app).settings.apns
    assert apns is not None
    assert (apns.environment, apns.server) == (environment, None)
    assert apns.servers == {"sandbox": "https://127.0.0.1:2197"}


def test_an_apns2_client_knows_one_environment() -> None:
    both = {"LIVE_ACTIVITY_PUSH": "apns2", "LIVE_ACTIVITY_APNS_ENVIRONMENT": "auto"}
    assert "knows one environment" in refusal(**{**APNS, **both})


def test_a_ca_that_is_no_file() -> None:
    message = refusal(**{**APNS, "LIVE_ACTIVITY_APNS_CA": "/nowhere/ca.pem"})
    assert "there is no file '/nowhere/ca.pem'" in message


@pytest.mark.parametrize(
    "value",
    [
        "proxy.example.com:3128",
        "http://proxy.example.com",
        "http://proxy.example.com:0",
        "http://proxy.example.com:123456",
        "http://proxy.example.com:3128/path",
        "http://ada:s3cr/et@proxy.example.com:3128",
        "http://ada:s3cr et@proxy.example.com:3128",
        "http://ada:s3cr@et@proxy.example.com:3128",
        "http://ada:s3cret@proxy.example.com:3128\r\nX-Injected: 1",
        "ftp://ada:s3cret@proxy.example.com:3128",
        "socks4://ada:s3cret@proxy.example.com:1080",
    ],
)
def test_a_proxy_that_is_no_url_is_not_quoted(value: str) -> None:
    message = refusal(**{**APNS, "LIVE_ACTIVITY_APNS_PROXY": value})
    assert message.startswith("LIVE_ACTIVITY_APNS_PROXY must be a proxy's URL with its port")
    assert "s3cr" not in message
    assert "example.com" not in message


@pytest.mark.parametrize(
    "value",
    [
        "",
        "http://10.0.0.1:3128",
        "https://ada:s3cret%40@proxy.example.com:443/",
        "socks5h://[2001:db8::1]:1080",
    ],
)
def test_a_proxy_is_taken_as_it_is_and_not_shown(value: str) -> None:
    settings = settings_of(**{**APNS, "LIVE_ACTIVITY_APNS_PROXY": value})
    assert settings.apns.proxy == value
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    ("number", "features", "lack"),
    [
        (0x075801, pycurl.VERSION_HTTP2, "pushes may stand still before 8.11"),
        (0x081700, 0, "cannot speak HTTP/2"),
    ],
)
def test_a_libcurl_that_is_not_enough(
    monkeypatch: pytest.MonkeyPatch, number: int, features: int, lack: str
) -> None:
    found = (11, "7.88.1", number, "Linux", features, "OpenSSL/3.0.22", 0)
    monkeypatch.setattr(pycurl, "version_info", lambda: found)
    message = refusal(**APNS)
    assert lack in message
    assert "--only-binary :all: pycurl" in message


def test_a_key_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "AuthKey.p8"
    file.write_text(APPLE_KEY)
    assert settings_of(**{**APNS, "LIVE_ACTIVITY_APNS_KEY": str(file)}).apns.key == APPLE_KEY


def test_a_key_may_have_its_line_breaks_written_out() -> None:
    written = APPLE_KEY.replace("\n", "\\n")
    assert settings_of(**{**APNS, "LIVE_ACTIVITY_APNS_KEY": written}).apns.key == APPLE_KEY


def test_a_key_file_that_is_nowhere() -> None:
    message = refusal(**{**APNS, "LIVE_ACTIVITY_APNS_KEY": "/nowhere/AuthKey.p8"})
    assert "neither the text of a .p8 file nor the path of one that can be read" in message


def test_a_key_file_that_is_no_key(tmp_path: Path) -> None:
    file = tmp_path / "AuthKey.p8"
    file.write_text("not a key")
    message = refusal(**{**APNS, "LIVE_ACTIVITY_APNS_KEY": str(file)})
    assert message.startswith("LIVE_ACTIVITY_APNS_KEY is not a private key in PEM form")


@pytest.mark.parametrize("kind", ["rsa", "another curve"])
def test_a_key_that_apple_does_not_hand_out(kind: str) -> None:
    key = rsa_key() if kind == "rsa" else pem(ec.generate_private_key(ec.SECP384R1()))
    message = refusal(**{**APNS, "LIVE_ACTIVITY_APNS_KEY": key})
    assert message.startswith("LIVE_ACTIVITY_APNS_KEY is not an EC P-256 key")


def lines_of_a_key(key: str) -> list[str]:
    return [line for line in key.splitlines() if line and not line.startswith("-----")]


@pytest.mark.parametrize(
    "damage",
    [
        lambda key: key.split("\n", 1)[1],  # its first line was lost
        lambda key: key.replace("-----END", ""),
        lambda key: key[:120],
        lambda key: key.replace("M", "!"),
    ],
)
def test_a_damaged_key_is_not_quoted(damage: Callable[[str], str]) -> None:
    damaged = damage(APPLE_KEY)
    message = refusal(**{**APNS, "LIVE_ACTIVITY_APNS_KEY": damaged})
    assert message.startswith("LIVE_ACTIVITY_APNS_KEY")
    assert not any(line[:20] in message for line in lines_of_a_key(APPLE_KEY))


# --- push -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["DEBUG", "TESTING"])
def test_the_console_is_the_default_only_in_development(how: str) -> None:
    app = bare_app(LIVE_ACTIVITY_STORAGE_URI="memory://", **{how: True})
    LiveActivity(app)
    assert isinstance(installation(app).push, ConsolePush)


@pytest.mark.parametrize("value", ["apple", "", 7, MemoryPush, ["memory"]])
def test_a_push_that_is_none_of_them(value: Any) -> None:
    message = refusal(LIVE_ACTIVITY_PUSH=value)
    assert message.startswith("LIVE_ACTIVITY_PUSH must be 'apns', 'apns2', 'console', 'memory'")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("no_such_module:factory", "No module named 'no_such_module'"),
        ("os:no_such_thing", "no attribute 'no_such_thing'"),
        ("os:sep", "cannot be called"),
        ("a b:c", "cannot be read"),
    ],
)
@pytest.mark.parametrize("key", ["LIVE_ACTIVITY_PUSH", "LIVE_ACTIVITY_STORAGE_URI"])
def test_a_factory_that_is_none(key: str, value: str, said: str) -> None:
    message = refusal(**{key: value})
    assert message.startswith(key)
    assert said in message


@pytest.mark.parametrize(
    ("key", "kind"),
    [("LIVE_ACTIVITY_PUSH", "PushBackend"), ("LIVE_ACTIVITY_STORAGE_URI", "Storage")],
)
def test_a_factory_that_makes_something_else(key: str, kind: str) -> None:
    config = {
        "LIVE_ACTIVITY_PUSH": "memory",
        "LIVE_ACTIVITY_STORAGE_URI": "memory://",
        key: "collections:OrderedDict",
    }
    app = bare_app(**config)
    LiveActivity(app)
    with pytest.raises(ConfigurationError, match=f"{key}: .* must make a {kind}"):
        installation(app).parts  # noqa: B018


class OwnPush(MemoryPush):
    """A backend of the host's, named in its configuration."""


class OwnStorage(MemoryStorage):
    """The same for a storage."""


def test_a_factory_of_the_hosts_is_called_at_first_use() -> None:
    app = bare_app(
        LIVE_ACTIVITY_PUSH=f"{__name__}:OwnPush",
        LIVE_ACTIVITY_STORAGE_URI=f"{__name__}:OwnStorage",
    )
    LiveActivity(app)
    assert isinstance(installation(app).push, OwnPush)
    assert isinstance(installation(app).storage, OwnStorage)


@pytest.mark.parametrize(
    ("name", "value"),
    [("SERVER", "https://127.0.0.1:2197"), ("PROXY", "http://127.0.0.1:3128")],
)
def test_apns2_cannot_use_another_server_or_a_proxy(name: str, value: str) -> None:
    pytest.importorskip("apns2")
    message = refusal(**APNS, LIVE_ACTIVITY_PUSH="apns2", **{f"LIVE_ACTIVITY_APNS_{name}": value})
    assert "knows only Apple's servers" in message
    assert f"LIVE_ACTIVITY_APNS_{name}" in message


def test_a_missing_apns2_names_the_line_that_installs_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "apns2", None)
    monkeypatch.setitem(sys.modules, "apns2.client", None)
    message = refusal(**APNS, LIVE_ACTIVITY_PUSH="apns2")
    assert 'pip install "flask-allmine-liveactivity[apns2]"' in message


# --- storage --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "module", "extra"),
    [
        ("postgresql+psycopg://h/db", "psycopg", "postgresql"),
        ("mysql+pymysql://h/db", "pymysql", "mysql"),
        ("mongomock://", "mongomock", "mongomock"),
    ],
)
def test_a_missing_driver_names_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, uri: str, module: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    message = refusal(LIVE_ACTIVITY_STORAGE_URI=uri)
    assert f'pip install "flask-allmine-liveactivity[{extra}]"' in message


@pytest.mark.parametrize(
    "uri", ["mongodb://h", "mongodb://h/", "mongodb://h/?w=1", "mongodb+srv://h.io"]
)
def test_a_mongodb_uri_without_a_database(uri: str) -> None:
    assert "names no database" in refusal(LIVE_ACTIVITY_STORAGE_URI=uri)


@pytest.mark.parametrize("uri", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_sqlite_in_memory_is_refused(uri: str) -> None:
    message = refusal(LIVE_ACTIVITY_STORAGE_URI=uri)
    assert "Use 'memory://', or name a file" in message


@pytest.mark.parametrize("uri", ["", "memory", "memory:", "redis://h", "oracle://h/db", "://",
                                 "postgresql+nothing://h/db"])  # fmt: skip
def test_a_storage_uri_that_is_none(uri: str) -> None:
    assert refusal(LIVE_ACTIVITY_STORAGE_URI=uri).startswith("LIVE_ACTIVITY_STORAGE_URI")


def test_a_relative_sqlite_file_is_in_the_instance_folder(tmp_path: Path) -> None:
    app = Flask("host", instance_path=str(tmp_path / "instance"))
    app.config.update(LIVE_ACTIVITY_STORAGE_URI="sqlite:///la.db", LIVE_ACTIVITY_PUSH="memory")
    LiveActivity(app)
    installation(app).storage.prepare()
    installation(app).close()
    assert (tmp_path / "instance" / "la.db").is_file()


def test_sqlite_in_the_instance_folder_is_the_default(tmp_path: Path) -> None:
    app = Flask("host", instance_path=str(tmp_path / "instance"))
    app.config.update(LIVE_ACTIVITY_PUSH="memory")
    LiveActivity(app)
    installation(app).storage.prepare()
    installation(app).close()
    assert (tmp_path / "instance" / "live_activity.db").is_file()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    message = refusal(LIVE_ACTIVITY_STORAGE_URI=f"sqlite:///{tmp_path}/file/folder/la.db")
    assert "cannot be made" in message


@pytest.mark.parametrize("uri", ["sqlite:///la.db", "mongodb://h/db"])
def test_an_option_that_the_driver_does_not_know(tmp_path: Path, uri: str) -> None:
    uri = uri.replace("la.db", f"{tmp_path}/la.db")
    message = refusal(LIVE_ACTIVITY_STORAGE_URI=uri, LIVE_ACTIVITY_STORAGE_OPTIONS={"nonsense": 1})
    assert message.startswith("LIVE_ACTIVITY_STORAGE_OPTIONS")
    assert "nonsense" in message


def test_connect_args_that_are_no_mapping(tmp_path: Path) -> None:
    message = refusal(
        LIVE_ACTIVITY_STORAGE_URI=f"sqlite:///{tmp_path}/la.db",
        LIVE_ACTIVITY_STORAGE_OPTIONS={"connect_args": 3},
    )
    assert message.startswith("LIVE_ACTIVITY_STORAGE_OPTIONS: connect_args")


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql+psycopg://alice:hunter2@h:port/db",
        "oracle://alice:hunter2@h/db",
        "redis://alice:hunter2@h/0",
        "mongodb://alice:hunter2@h",
        "mongodb://alice:hunter2@h:99999/db",
        "mongodb://alice:hun@ter2hunter2@h/db",
        "mongodb://alice:hun/hunter2@h/db",
        "mongodb+srv://alice:hunter2@h.example",
        "mongodb:alice:hunter2@h/db",
        "alice:hunter2@h/db",
        "alice:hunter2",
        "alice:hunter2.example/db",
    ],
)
def test_a_password_in_a_storage_uri_is_not_quoted(uri: str) -> None:
    message = refusal(LIVE_ACTIVITY_STORAGE_URI=uri)
    assert message.startswith("LIVE_ACTIVITY_STORAGE_URI")
    assert "hunter2" not in message


def test_a_name_server_that_does_not_answer_is_a_storage_that_does_not() -> None:
    app = bare_app(
        LIVE_ACTIVITY_STORAGE_URI="mongodb+srv://alice:hunter2@nowhere.invalid/db",
        LIVE_ACTIVITY_PUSH="memory",
    )
    LiveActivity(app)
    with pytest.raises(StorageUnavailable) as caught:
        installation(app).storage  # noqa: B018
    assert "hunter2" not in str(caught.value)


def test_celery_with_the_default_storage_is_refused() -> None:
    message = refusal(LIVE_ACTIVITY_DELIVERY="celery", LIVE_ACTIVITY_STORAGE_URI=None)
    assert "set LIVE_ACTIVITY_STORAGE_URI" in message


@pytest.mark.parametrize("uri", ["memory://", "mongomock://"])
def test_celery_with_a_storage_in_memory_is_refused(uri: str) -> None:
    message = refusal(LIVE_ACTIVITY_DELIVERY="celery", LIVE_ACTIVITY_STORAGE_URI=uri)
    assert f"{uri!r} is in one process" in message


def test_celery_with_a_storage_object_in_memory_is_refused() -> None:
    app = bare_app(LIVE_ACTIVITY_DELIVERY="celery", TESTING=True)
    with pytest.raises(ConfigurationError, match="is in one process"):
        LiveActivity(app, storage=MemoryStorage())


CELERY = {"LIVE_ACTIVITY_DELIVERY": "celery", "LIVE_ACTIVITY_STORAGE_URI": "mongodb://h/db"}


def test_celery_without_the_hosts_celery_app() -> None:
    message = refusal(**CELERY)
    assert 'app.extensions["celery"]' in message
    assert "before LiveActivity.init_app(app)" in message


def test_celery_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "celery", None)
    assert 'pip install "flask-allmine-liveactivity[celery]"' in refusal(**CELERY)


@pytest.mark.parametrize("queue", ["", "two words", "a" * 201, 5, "line\n"])
def test_a_celery_queue_that_is_none(queue: Any) -> None:
    assert "LIVE_ACTIVITY_CELERY_QUEUE" in refusal(LIVE_ACTIVITY_CELERY_QUEUE=queue)


# --- green threads --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "patcher", "question"),
    [
        ("gevent", "monkey", "is_module_patched"),
        ("eventlet", "patcher", "is_monkey_patched"),
    ],
)
def test_a_thread_under_green_threads_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, patcher: str, question: str
) -> None:
    fake = ModuleType(f"{name}.{patcher}")
    setattr(fake, question, lambda module: True)
    monkeypatch.setitem(sys.modules, f"{name}.{patcher}", fake)
    message = refusal(LIVE_ACTIVITY_DELIVERY="thread")
    assert f"does not work under {name}" in message
    assert "flask live-activity worker" in message


def test_a_worker_under_green_threads_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = ModuleType("gevent.monkey")
    fake.is_module_patched = lambda module: True  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gevent.monkey", fake)
    settings_of(LIVE_ACTIVITY_DELIVERY="worker")


def test_gevent_that_has_patched_nothing_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = ModuleType("gevent.monkey")
    fake.is_module_patched = lambda module: False  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gevent.monkey", fake)
    settings_of(LIVE_ACTIVITY_DELIVERY="thread")


# --- what is shown --------------------------------------------------------------------------------


def test_the_repr_of_the_settings_shows_no_secret(tmp_path: Path) -> None:
    settings = settings_of(
        **APNS,
        LIVE_ACTIVITY_STORAGE_URI="mongodb://alice:hunter2@h/db",
        LIVE_ACTIVITY_STORAGE_OPTIONS={"appname": "secret-option"},
    )
    shown = repr(settings)
    assert "hunter2" not in shown
    assert "secret-option" not in shown
    assert "PRIVATE KEY" not in shown
    assert not any(line[:20] in shown for line in lines_of_a_key(APPLE_KEY))


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        settings_of().lease = 5


def test_a_push_backend_given_needs_no_keys() -> None:
    app = bare_app(LIVE_ACTIVITY_STORAGE_URI="memory://")
    push: PushBackend = MemoryPush()
    LiveActivity(app, push=push)
    assert installation(app).push is push
