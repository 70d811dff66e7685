"""Starting, stopping, and what is left behind."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from flask_allmine_liveactivity.simulator import LocalApns
from flask_allmine_liveactivity.simulator.folder import Folder

from .running import threads
from .sender import TOKEN, Sender

# What waits longer hangs, in seconds.
HANG = 45

NewSender = Callable[[LocalApns], Sender]


def test_it_takes_connections_once_it_has_started() -> None:
    with LocalApns() as apns:
        socket.create_connection(("127.0.0.1", apns.port), timeout=1).close()


def test_a_port_can_be_chosen(new_sender: NewSender) -> None:
    with LocalApns() as first:
        port = first.port
    with LocalApns(port=port) as apns:
        assert apns.url == f"https://127.0.0.1:{port}"
        assert new_sender(apns).push().status_code == 200


def test_a_port_that_is_taken_is_an_error() -> None:
    with LocalApns() as apns, pytest.raises(OSError, match="in use"):
        LocalApns(port=apns.port).start()


def test_starting_twice_is_an_error() -> None:
    with LocalApns() as apns, pytest.raises(RuntimeError, match="runs already"):
        apns.start()


def test_stopping_twice_does_nothing() -> None:
    apns = LocalApns()
    apns.start()
    apns.stop()
    apns.stop()


def test_it_has_no_url_before_it_has_a_port() -> None:
    with pytest.raises(RuntimeError, match="start"):
        _ = LocalApns().url


def test_another_environment_than_apples_two_is_an_error() -> None:
    with pytest.raises(ValueError, match="environment"):
        LocalApns(environment="development")


@pytest.mark.timeout(HANG)
def test_stopping_waits_for_no_answer_that_is_due(new_sender: NewSender) -> None:
    apns = LocalApns()
    apns.start()
    idle, waiting = new_sender(apns), new_sender(apns)
    idle.push()
    apns.delay(2 * HANG)
    answers: list[Exception] = []

    def push() -> None:
        try:
            waiting.push(timeout=2 * HANG)
        except httpx2.TransportError as error:
            answers.append(error)

    pushing = threading.Thread(target=push)
    pushing.start()
    apns.wait_for(2)
    apns.stop()
    pushing.join()
    assert len(answers) == 1
    assert not isinstance(answers[0], httpx2.TimeoutException)


@pytest.mark.timeout(HANG)  # a handshake has a minute
def test_stopping_waits_for_no_handshake() -> None:
    apns = LocalApns()
    apns.start()
    with socket.create_connection(("127.0.0.1", apns.port)) as client:
        apns.stop()
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""


def test_stopping_leaves_no_thread(new_sender: NewSender) -> None:
    before = threads()
    with LocalApns() as apns:
        new_sender(apns).push()
        assert len(threads() - before) == 1
    assert threads() <= before


def test_stopping_refuses_new_connections() -> None:
    with LocalApns() as apns:
        port = apns.port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_it_can_be_started_again_for_the_same_clients(new_sender: NewSender) -> None:
    apns = LocalApns()
    apns.start()
    sender = new_sender(apns)
    sender.push()
    apns.stop()
    with pytest.raises(httpx2.TransportError):
        sender.push()
    apns.start()
    assert sender.push().status_code == 200
    assert len(apns.accepted) == 2
    apns.stop()


def test_in_an_outage_connections_are_refused(new_sender: NewSender) -> None:
    with LocalApns() as apns, apns.outage(), pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", apns.port))


def test_in_an_outage_the_certificate_stays() -> None:
    with LocalApns() as apns, apns.outage():
        assert apns.ca_file.exists()


def test_after_an_outage_the_same_clients_are_served(new_sender: NewSender) -> None:
    with LocalApns() as apns:
        sender = new_sender(apns)
        sender.push()
        with apns.outage(), pytest.raises(httpx2.TransportError):
            sender.push()
        assert sender.push().status_code == 200


def test_cutting_connections_with_answers_due_is_no_error(
    new_sender: NewSender, caplog: pytest.LogCaptureFixture
) -> None:
    def push(sender: Sender) -> None:
        with contextlib.suppress(httpx2.TransportError):
            for _ in range(100):
                sender.push()

    with LocalApns() as apns:
        pushing = [threading.Thread(target=push, args=(new_sender(apns),)) for _ in range(4)]
        for thread in pushing:
            thread.start()
        apns.wait_for(20)
        with apns.outage():
            for thread in pushing:
                thread.join()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_an_outage_of_what_does_not_run_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="start"), LocalApns().outage():
        pass


def test_a_connection_serves_thousands_of_requests(apns: LocalApns, sender: Sender) -> None:
    for _ in range(1100):  # some servers end a connection after 1,000
        assert sender.push().status_code == 200
    assert len({push.client for push in apns.received}) == 1


def test_its_files_are_gone_after_stopping() -> None:
    with LocalApns() as apns:
        folder = apns.ca_file.parent
        assert folder.exists()
    assert not folder.exists()


def test_its_files_are_gone_after_a_start_that_failed() -> None:
    with LocalApns() as running:
        apns = LocalApns(port=running.port)
        with pytest.raises(OSError, match="in use"):
            apns.start()
    assert not apns.ca_file.parent.exists()


def test_a_folder_it_was_given_is_left(tmp_path: Path) -> None:
    with LocalApns(certificate_folder=tmp_path) as apns:
        assert apns.ca_file.parent == tmp_path
    assert apns.ca_file.exists()


def test_another_one_with_the_same_folder_is_trusted_by_the_same_clients(
    tmp_path: Path, new_sender: NewSender
) -> None:
    with LocalApns(certificate_folder=tmp_path) as apns:
        sender = new_sender(apns)
    with LocalApns(certificate_folder=tmp_path, port=apns.port) as another:
        assert another.key_pem == apns.key_pem
        assert sender.push().status_code == 200


def test_a_certificate_for_another_host_is_made_anew_and_the_key_stays(tmp_path: Path) -> None:
    def left(host: str) -> tuple[bytes, bytes]:
        folder = Folder(tmp_path, host=host, key_id="KEY1234567")
        folder.write()
        return folder.ca_file.read_bytes(), folder.key_file.read_bytes()

    certificate, key = left("127.0.0.1")
    assert left("localhost") == (certificate, key)
    assert left("apns.example")[0] != certificate
    assert left("apns.example")[1] == key


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize("name", ["AuthKey_KEY1234567.p8", "server-key.pem"])
def test_private_keys_are_for_their_owner_only(tmp_path: Path, name: str) -> None:
    with LocalApns(certificate_folder=tmp_path):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_each_has_a_key_of_its_own() -> None:
    assert LocalApns().key_pem != LocalApns().key_pem


def test_who_does_not_trust_its_certificate_gets_nowhere(apns: LocalApns) -> None:
    strict = ssl.create_default_context()
    with (
        socket.create_connection(("127.0.0.1", apns.port)) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        strict.wrap_socket(plain, server_hostname="localhost")


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_its_certificate_is_good_for_strict_verification(apns: LocalApns, name: str) -> None:
    strict = ssl.create_default_context(cafile=apns.ca_file)
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    strict.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", apns.port)) as plain,
        strict.wrap_socket(plain, server_hostname=name) as secure,
    ):
        assert secure.selected_alpn_protocol() == "h2"


def test_http1_is_not_spoken(apns: LocalApns, sender: Sender) -> None:
    context = ssl.create_default_context(cafile=apns.ca_file)
    with httpx2.Client(verify=context) as old:
        response = old.post(f"{apns.url}/3/device/{TOKEN}", headers=sender.headers(), content=b"{}")
    assert response.status_code == 505
    assert apns.received == []


def test_its_settings_are_ready_for_a_flask_app(apns: LocalApns) -> None:
    assert apns.settings == {
        "LIVE_ACTIVITY_PUSH": "apns",
        "LIVE_ACTIVITY_APNS_KEY": apns.key_pem,
        "LIVE_ACTIVITY_APNS_KEY_ID": "KEY1234567",
        "LIVE_ACTIVITY_APNS_TEAM_ID": "TEAM123456",
        "LIVE_ACTIVITY_APNS_BUNDLE_ID": "com.example.allmine",
        "LIVE_ACTIVITY_APNS_ENVIRONMENT": "sandbox",
        "LIVE_ACTIVITY_APNS_SERVER": apns.url,
        "LIVE_ACTIVITY_APNS_CA": str(apns.ca_file),
    }


def test_a_repr_shows_where_it_listens(apns: LocalApns) -> None:
    assert repr(apns) == f"<LocalApns {apns.url} sandbox>"


def test_without_h2_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['h2'] = None\nimport flask_allmine_liveactivity.simulator"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == (
        'ImportError: The local APNs needs h2: pip install "flask-allmine-liveactivity[simulator]"'
    )
