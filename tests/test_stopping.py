"""Ctrl-C and requests to end, as a shell, a terminal and a cluster's queue send them."""

from __future__ import annotations

import os
import signal
import sys
import threading

import pytest

from command_line import run_command
from littoral.cli import entry
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
    sent: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "run", lambda arguments: signal.raise_signal(sent))
    before = signal.getsignal(sent)
    ended = run_command([])
    assert ended.exit_code == code
    said = "littoral: stopped; nothing is half-written, run the same command again (--overwrite if it says so).\n"
    assert ended.stderr == said
    assert signal.getsignal(sent) is before


def test_a_verb_says_itself_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, stoppable():
        raise KeyboardInterrupt("stopped: 4 of 9 parts are kept")
    said = "littoral: stopped: 4 of 9 parts are kept.\n"
    assert (ended.value.code, capsys.readouterr().err) == (130, said)


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
