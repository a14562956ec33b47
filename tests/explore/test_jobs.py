import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from headpursuit.explore import Cancelled, Job, jobs
from headpursuit.explore.jobs import Aside, Jobs

PATIENCE = 60.0
"""Seconds; on a busy machine threads come late."""


def endless(begun, ended):
    def work(tell):
        begun.set()
        try:
            while True:
                tell("more")
                time.sleep(0.01)
        except Cancelled:
            ended.set()
            raise

    return work


def test_it_tells_in_order_and_ends():
    assert list(Job(lambda tell: [tell(i) for i in range(3)])) == [0, 1, 2]


def test_its_error_comes_after_what_it_told():
    def work(tell):
        tell(1)
        raise ValueError("no such thing")

    heard = iter(Job(work))
    assert next(heard) == 1
    with pytest.raises(ValueError, match="no such thing"):
        next(heard)


def test_who_stops_listening_ends_the_work():
    begun, ended = threading.Event(), threading.Event()
    job = Job(endless(begun, ended))
    heard = iter(job)
    assert next(heard) == "more"
    heard.close()
    assert job.wait(PATIENCE)
    assert ended.is_set()


def test_a_visitor_has_one_job_of_each_kind_and_nobody_elses():
    ended = {name: threading.Event() for name in ("first", "second", "study", "other")}
    jobs = Jobs()
    runs = {name: Job(endless(threading.Event(), event)) for name, event in ended.items()}
    jobs.begin("me", "answers", runs["first"])
    jobs.begin("you", "answers", runs["other"])
    jobs.begin("me", "study", runs["study"])
    jobs.begin("me", "answers", runs["second"])
    assert runs["first"].wait(PATIENCE)
    jobs.cancel("me", "answers")
    assert runs["second"].wait(PATIENCE)
    assert not runs["study"].wait(0.05)
    jobs.cancel("me")
    assert runs["study"].wait(PATIENCE)
    assert not runs["other"].wait(0.05)
    jobs.cancel("you")
    assert runs["other"].wait(PATIENCE)


def test_what_is_done_aside_comes_back_or_fails_in_turn():
    aside, order = Aside(), []
    with pytest.raises(ZeroDivisionError):
        aside.do(lambda: 1 / 0)
    assert aside.do(lambda: order.append("done") or threading.current_thread()) is not threading.current_thread()
    assert order == ["done"]


def test_the_thread_aside_ends_with_its_owner():
    aside = Aside()
    thread = aside.do(threading.current_thread)
    del aside
    thread.join(10)
    assert not thread.is_alive()


def test_the_end_of_the_program_does_not_wait_for_what_is_done_aside():
    program = (
        "import threading, time; from jobs import Aside; begun = threading.Event()\n"
        "threading.Thread(target=Aside().do, args=(lambda: (begun.set(), time.sleep(600)),), daemon=True).start()\n"
        "begun.wait()"
    )
    beside = Path(jobs.__file__).parent  # the module alone: the package draws in torch
    done = subprocess.run([sys.executable, "-c", program], timeout=60, capture_output=True, text=True, cwd=beside)
    assert (done.returncode, done.stderr) == (0, "")
