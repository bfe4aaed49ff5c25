"""Ctrl-C and requests to end, as a shell, a terminal and a cluster's queue send them."""

from __future__ import annotations

import os
import signal
import sys
import threading

import pytest
import typer

from littoral.cli import main
from littoral.cli.door import app
from littoral.cli.stopping import stoppable
from platforms import posix_only


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (signal.SIGINT, 130),
        (signal.SIGTERM, 143),
        pytest.param(getattr(signal, "SIGHUP", None), 129, marks=posix_only),
    ],
    ids=lambda each: str(each),
)
def test_what_is_sent_ends_in_its_exit_code_and_a_sentence(
    sent: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = list(app.registered_commands)

    @app.command("wait")
    def wait() -> None:
        signal.raise_signal(sent)

    monkeypatch.setattr(sys, "argv", ["littoral", "wait"])
    before = signal.getsignal(sent)
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        app.registered_commands[:] = commands
    assert ended.value.code == code
    said = "littoral: stopped; nothing is half-written, run the same command again (--overwrite if it says so).\n"
    assert capsys.readouterr().err == said
    assert signal.getsignal(sent) is before


def test_a_verb_that_has_said_how_to_go_on_is_not_talked_over(capsys: pytest.CaptureFixture[str]) -> None:
    told = typer.Typer(pretty_exceptions_enable=False)

    @told.command()
    def wait() -> None:
        raise KeyboardInterrupt("stopped: 4 of 9 parts are kept")

    with pytest.raises(SystemExit) as ended, stoppable():
        told([])
    assert (ended.value.code, capsys.readouterr().err) == (130, "")


@posix_only
def test_what_is_ignored_stays_ignored_and_other_exits_pass() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with pytest.raises(SystemExit) as ended, stoppable():
            sys.exit(signal.raise_signal(signal.SIGHUP) or 2)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert ended.value.code == 2


@posix_only
def test_a_fork_dies_as_it_would_have() -> None:
    with stoppable():
        child = os.fork()
        if not child:
            signal.raise_signal(signal.SIGTERM)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM


def test_beside_the_main_thread_signals_are_left_alone() -> None:
    before, seen = signal.getsignal(signal.SIGTERM), []

    def run() -> None:
        with stoppable():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]
