"""The supervisor restarts what dies, gives up on what keeps dying, and leaves nothing behind."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from authsignal_portal.ports import loopback_addresses, port_number, require_free
from authsignal_portal.processes import DirectoryLock, ProcessError, is_alive
from authsignal_portal.supervisor import Program, StopRequested, Supervisor, gist, signals, write_privately

ROOT = Path(__file__).resolve().parents[2]
# Says that it is ready by making the file it is given; its child shares its session.
SLEEPER = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "open(sys.argv[1], 'w').write(str(child.pid)); time.sleep(60)"
)


def make_program(place: Path, code: str = SLEEPER, name: str = "sleeper") -> Program:
    ready = place / f"{name}.ready"
    return Program(
        name,
        [sys.executable, "-c", code, str(ready)],
        log=place / f"{name}.log",
        env=dict(os.environ),
        cwd=place,
        ready=lambda: ready.exists() and bool(ready.read_text()),
        stop_seconds=2.0,
    )


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(said: list[str]) -> Iterator[Supervisor]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    supervisor = Supervisor(said.append)
    yield supervisor
    supervisor.stop()
    for number, handler in handlers.items():
        signal.signal(number, handler)


def after(seconds: float, act) -> threading.Timer:
    timer = threading.Timer(seconds, act)
    timer.start()
    return timer


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_killed_program_is_started_again(tmp_path: Path, supervisor: Supervisor, said: list[str]) -> None:
    program = make_program(tmp_path)
    supervisor.start(program)
    first = program.child.pid
    os.kill(first, signal.SIGKILL)
    timer = after(1.5, interrupt)
    with signals(), pytest.raises(StopRequested):
        supervisor.watch()
    timer.join()
    assert program.child.pid != first
    assert any("starting it again" in line for line in said)


def test_a_program_that_keeps_dying_ends_everything_with_its_last_words(tmp_path: Path, supervisor: Supervisor) -> None:
    dying = "import sys; open(sys.argv[1], 'w').write('x'); print('no such table'); sys.exit(3)"
    supervisor.start(make_program(tmp_path, dying, "dying"))
    with pytest.raises(ProcessError, match=r"(?s)dying died 4 times within a minute.*no such table"):
        supervisor.watch()


def test_a_program_that_does_not_start_is_named_with_its_last_words(tmp_path: Path, supervisor: Supervisor) -> None:
    with pytest.raises(ProcessError, match=r"(?s)broken stopped while starting.*the reason"):
        supervisor.start(make_program(tmp_path, "import sys; sys.exit('the reason')", "broken"))


def test_stopping_takes_the_children_of_a_program_along(tmp_path: Path, supervisor: Supervisor) -> None:
    program = make_program(tmp_path)
    supervisor.start(program)
    pids = [program.child.pid, int((tmp_path / "sleeper.ready").read_text())]
    supervisor.stop()
    deadline = time.monotonic() + 5
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_program_that_ignores_the_request_to_stop_is_killed(tmp_path: Path, supervisor: Supervisor) -> None:
    stubborn = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "open(sys.argv[1], 'w').write('x'); time.sleep(60)"
    )
    program = make_program(tmp_path, stubborn)
    supervisor.start(program)
    pid = program.child.pid
    supervisor.stop()
    assert not is_alive(pid)


def test_an_error_in_a_log_is_repeated_on_the_console_once(
    tmp_path: Path, supervisor: Supervisor, said: list[str]
) -> None:
    talker = (
        "import sys, time; open(sys.argv[1], 'w').write('x'); time.sleep(1)\n"
        "print('[ERROR] disk full 1'); print('[ERROR] disk full 2')\n"
        "print('fine', flush=True); time.sleep(60)"
    )
    supervisor.start(make_program(tmp_path, talker, "talker"))
    timer = after(2.0, interrupt)
    with signals(), pytest.raises(StopRequested):
        supervisor.watch()
    timer.join()
    assert said[1:] == [f"talker: [ERROR] disk full 1  (more in {tmp_path / 'talker.log'})"]


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "demo.json"
    for number in (1, 2):
        write_privately(path, json.dumps({"number": number}))
    assert json.loads(path.read_text()) == {"number": 2}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["demo.json"]


def test_a_lock_outlives_its_owner_while_a_child_holds_it(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys; from pathlib import Path\n"
        "from authsignal_portal.processes import DirectoryLock\n"
        "lock = DirectoryLock(Path(sys.argv[1]), what='The test')\n"
        # Where the tests run in the background a shell has SIGINT ignored, and children inherit that.
        "code = 'import signal, time; signal.signal(signal.SIGINT, signal.SIG_DFL); time.sleep(60)'\n"
        "command = [sys.executable, '-c', code]\n"
        "child = subprocess.Popen(command, pass_fds=[lock.acquire()], stdout=subprocess.DEVNULL)\n"
        "lock.note_children(child.pid); print(child.pid)\n"
    )
    path = tmp_path / "test.lock"
    command = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    assert is_alive(int(done.stdout))
    lock = DirectoryLock(path, what="The test")
    lock.acquire()  # it tells the orphan to stop
    lock.release()


def test_a_port_in_use_is_named_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authsignal_portal.ports.PORT_WAIT_SECONDS", 0.3)
    refused = pytest.raises(ProcessError, match="PORT=9000 make demo")
    with socket.create_server(("127.0.0.1", 0)) as taken, refused:
        require_free(taken.getsockname()[1])
    assert "127.0.0.1" in loopback_addresses()


@pytest.mark.parametrize("text", ["", "0", "65535", "http", "-1", "8000.5", "８０００"])
def test_a_port_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ProcessError, match="PORT must be a number"):
        port_number(text)


def test_the_gist_of_a_structured_line_is_its_message() -> None:
    assert gist('{"event": "no such task\\nand much more", "level": "error"}') == "no such task"
    assert gist("[ERROR] plain\n") == "[ERROR] plain"
