"""local_eval.py as a command: a scripted agent on the emulator, interrupted, killed, resumed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import stable_retro.data
from rich.console import Console

import local_eval
from agent.errors import UserError
from arena.evaluation.options import RunOptions, make_plan
from arena.evaluation.score import read_monitor
from arena.pages.report import advice
from arena.pages.report.record_reader import read_record
from benchmarks.made_runs import lucky_level, write_run
from tests.helpers.small_models import TINY, write_random_pretrained

PROGRAM = Path(local_eval.__file__)
# A ship that does not move survives 300 to 490 steps: one budget is for at least one episode, one
# for two.
SHORT_BUDGET_STEPS = 600
BUDGET_STEPS = 1100
# Presses B (shoot) all the time; ends when the server ends.
AGENT = r"""
import json, socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect("tmp/sock/sock")
stream = connection.makefile("rb")
def read():
    data = b""
    while not data.endswith(b"\f"):
        byte = stream.read(1)
        if not byte:
            sys.exit()
        data += byte
    message = json.loads(data[:-1])
    if message["type"] == "close":
        sys.exit()
    return message["content"]
def ask(**content):
    connection.sendall(json.dumps({"type": "update", "content": content}).encode() + b"\f")
    return read()
read()
while True:
    ask(reset=True)
    while not ask(ac=1)["done"]:
        pass
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a scripted agent, and two custom games (copies of the bundled one)."""
    bundled = stable_retro.data.get_file_path("Airstriker-Genesis-v0", "rom.md")
    for game in ("One", "Two"):
        shutil.copytree(Path(bundled).parent, tmp_path / "games" / game)
    levels = {"sets": {"both": {"about": "", "levels": {"One": ["Level1"], "Two": ["Level1"]}}}}
    text = json.dumps({"format_version": 1, **levels})
    (tmp_path / "games" / "levels.json").write_text(text)
    (tmp_path / "scripted.py").write_text(AGENT)
    return tmp_path


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Parent folder of the working directories with their sockets; a short path."""
    with tempfile.TemporaryDirectory(prefix="t-") as folder:
        yield Path(folder)


def start(
    place: Path, temporary: Path, *arguments: str, report: bool = False
) -> subprocess.Popen[str]:
    flags = ["--workers", "1", "--report" if report else "--no-report"]
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), "run", *flags, *arguments],
        cwd=place,
        env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(PROGRAM.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def read_json(path: Path) -> dict:  # type: ignore[type-arg]
    return json.loads(path.read_text()) if path.exists() else {"levels": []}


def processes_of(temporary: Path) -> list[str]:
    """Command lines of live processes that use a working directory in this folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().decode().replace("\0", " ")
            where = f"{command} {os.readlink(entry / 'cwd')}"
        except OSError:
            continue
        if entry.name.isdigit() and f"{temporary}/" in where:
            found.append(command)
    return found


def test_ctrl_c_keeps_finished_levels_and_the_same_command_resumes(
    place: Path, temporary: Path
) -> None:
    arguments = ["--agent-command", f"{sys.executable} scripted.py"]
    arguments += ["--levels", "games", "--budget-steps", str(SHORT_BUDGET_STEPS)]
    first = start(place, temporary, *arguments)

    def run_folders() -> list[Path]:
        return list(place.glob("runs/*"))

    def second_level_plays() -> bool:
        return any(place.glob("runs/*/levels/Two.Level1/monitor.csv"))

    wait_until(second_level_plays, first)
    assert processes_of(temporary)
    first.send_signal(signal.SIGINT)
    _, stderr = first.communicate(timeout=30)
    assert first.returncode == 130
    assert "interrupted: 1 of 2 levels are finished" in stderr
    assert "run the same command to resume" in stderr
    assert "Traceback" not in stderr
    assert processes_of(temporary) == []
    assert list(temporary.iterdir()) == []
    (folder,) = run_folders()
    before = read_json(folder / "results.json")
    assert [level["status"] for level in before["levels"]] == ["finished", "pending"]

    second = start(place, temporary, *arguments)
    printed, stderr = second.communicate(timeout=90)
    assert second.returncode == 0, stderr
    assert printed.startswith("resuming runs/")
    assert run_folders() == [folder]
    results = read_json(folder / "results.json")
    assert results["complete"]
    assert results["levels"][0] == before["levels"][0]
    for level in results["levels"]:
        episodes = read_monitor(folder / level["folder"] / "monitor.csv")
        returns = [episode.episode_return for episode in episodes]
        assert level["timesteps"] == SHORT_BUDGET_STEPS
        assert level["episodes"] == len(returns) >= 1
        assert level["score"] == pytest.approx(sum(returns) / len(returns))
        assert level["best_return"] == max(returns)
        movies = sorted((folder / level["folder"] / "movies").iterdir())
        assert [movie.name for movie in movies] == ["best.bk2", "first.bk2", "typical.bk2"]
    # The same game under two names with the same seed has the same sticky actions.
    one, two = results["levels"]
    assert one["score"] == two["score"]
    assert f"{results['mean']['score']:,.1f}" in printed
    assert "over 2 of 2 levels" in printed


def test_a_killed_run_leaves_no_server_and_is_resumed(place: Path, temporary: Path) -> None:
    """With the project's own agent, which locks in immediately in this test."""
    write_random_pretrained(place / "model", spec=TINY)
    arguments = ["--pretrained", "model", "--lock-in=-1", "--seed", "2", "--out", "kept"]
    arguments += ["--levels", "games:One:Level1", "--budget-steps", str(BUDGET_STEPS)]
    level_dir = place / "kept" / "levels" / "One.Level1"

    first = start(place, temporary, *arguments)
    journal = level_dir / "out" / "journal.jsonl"
    wait_until(lambda: journal.exists() and bool(journal.read_text()), first)
    first.kill()
    first.communicate(timeout=30)
    deadline = time.monotonic() + 30
    while processes_of(temporary):
        assert time.monotonic() < deadline, processes_of(temporary)
        time.sleep(0.1)

    second = start(place, temporary, *arguments, report=True)
    printed, stderr = second.communicate(timeout=240)
    assert second.returncode == 0, stderr
    assert f"report   {place / 'kept' / 'report.html'}" in printed or "report   kept/" in printed
    page = (place / "kept" / "report.html").read_text()
    assert page.count("data:video/mp4;base64,") >= 1
    (level,) = read_json(place / "kept" / "results.json")["levels"]
    assert (level["status"], level["timesteps"]) == ("finished", BUDGET_STEPS)
    entries = [json.loads(line) for line in journal.read_text().splitlines()]
    played = [(entry["episode_return"], entry["length"]) for entry in entries]
    rows = read_monitor(level_dir / "monitor.csv")
    # The budget may end right after an episode's last step: then it has a journal entry but no row.
    assert played[: len(rows)] == [(row.episode_return, row.length) for row in rows]
    assert level["locked_in_at"] == entries[0]["timesteps"]
    assert f"{level['locked_in_at']:,}" in printed
    assert "event=end limit=timesteps" in (level_dir / "agent-stderr.txt").read_text()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--levels", "airstrikr"], "airstriker"),
        (["--levels", "Airstriker-Genesis-v0:Level9"], "Level1"),
        (["--levels", "Airstrikr-Genesis-v0:Level1"], "Airstriker-Genesis-v0"),
        (["--levels", ""], "no level is named"),
        (["--levels", "sonic-validation"], "no ROM of SonicTheHedgehog.*roms import"),
        (["--budget-steps", "0"], "--budget-steps is 0: use 1 to"),
        (["--budget-steps", "many"], "invalid int value"),
        (["--workers", "-1"], "--workers is -1"),
        (["--seed", "0"], "--seed is 0"),
        (["--lock-in", "nan"], "--lock-in .LOCK_IN_SCORE. is nan"),
        (["--lock-in-rule", "luck"], "invalid choice: 'luck'"),
        (["--repeats", "0"], "--repeats is 0"),
        (["tune"], "RUNS"),
        (["tune", "no-such-run"], "there is no folder no-such-run"),
        (["--wall-clock-hours", "nan"], "--wall-clock-hours is nan"),
        (["--hang-seconds", "0"], "--hang-seconds is 0"),
        (["--image-memory-gigabytes", "0"], "--image-memory-gigabytes is 0"),
        (["--full", "--budget-steps", "9"], "exclude each other"),
        (["--image", "a", "--agent-command", "b"], "exclude each other"),
        (["--watch", "--executor", "ray"], "leave out --executor ray"),
        (["--pretrained", "p", "--agent-command", "b"], "leave it out"),
        (["--pretrained", "no-such-model"], "no-such-model"),
        (["--agent-command", "no-such-program"], "was not found"),
        (["--agent-command", "true", "--out", "/proc/nothing"], "can't write the run folder"),
        (["--image", "no/such/image"], "no-engine"),
        (["movie", "no.bk2"], "there is no movie no.bk2"),
        (["movie"], "FILE"),
        (["report"], "RUNS"),
        (["report", "no-such-run"], "there is no run folder no-such-run"),
        (["report", "no-such-run", "no-other"], "there is no run folder no-such-run"),
        (["evaluate"], "'evaluate' is not a command: did you mean run?"),
        (["rnu"], "'rnu' is not a command: did you mean run?"),
        (["compare", "a", "b"], "'compare' is not a command: did you mean report?"),
        (["nothing"], "use run, report, leaderboard, movie, tune, completion"),
        (["--bugdet-steps", "3"], "did you mean --budget-steps?"),
    ],
)
def test_a_mistake_gives_one_clear_error_before_anything_starts(
    arguments: list[str], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONTAINER_ENGINE", "no-engine")
    run = ["run"] if arguments[0].startswith("--") else []
    monkeypatch.setattr(sys, "argv", ["local_eval.py", *run, *arguments])
    with pytest.raises(UserError, match=problem) as raised:
        local_eval.main()
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_the_help_lists_every_command(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["local_eval.py", *arguments])
    assert local_eval.main() == (0 if arguments else 2)
    shown = capsys.readouterr().out
    for name in local_eval.COMMANDS:
        assert f"\n  {name} " in shown


def test_shells_complete_commands_and_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["local_eval.py", "completion", "bash"])
    assert local_eval.main() == 0
    (tmp_path / "completion.sh").write_text(capsys.readouterr().out)
    asked = """source ./completion.sh
    COMP_WORDS=(local_eval.py mo); COMP_CWORD=1; _shtab_local_eval_py; echo ${COMPREPLY[@]}
    COMP_WORDS=(local_eval.py run --wa); COMP_CWORD=2; _shtab_local_eval_py; echo ${COMPREPLY[@]}
    """
    done = subprocess.run(["bash", "-c", asked], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "movie\n--watch --wall-clock-hours\n", done.stderr


def test_full_is_the_contests_budget() -> None:
    options = RunOptions(agent_command="true", full=True)
    assert make_plan(options).limits.budget_steps == 1_000_000


def test_a_movie_of_a_run_is_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rendered = []

    def render(movie: Path, out: Path | None, *, integration: Path | None) -> Path:
        rendered.append((movie, out, integration))
        return Path("x.mp4")

    monkeypatch.setattr(local_eval.movies, "render", render)
    monkeypatch.setattr(sys, "argv", ["local_eval.py", "movie", "a.bk2", "--out", "x.mp4"])
    assert local_eval.main() == 0
    assert rendered == [(Path("a.bk2"), Path("x.mp4"), None)]
    assert capsys.readouterr().out == "x.mp4\n"


def test_reports_are_made_again_and_runs_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(folders: list[Path]) -> None:
        raise UserError("too few episodes")

    monkeypatch.setattr(advice.tuner, "advise", refuse)
    runs = [str(write_run(tmp_path / name, [lucky_level("G:A", 3)])) for name in "ab"]
    monkeypatch.setattr(sys, "argv", ["local_eval.py", "report", runs[0]])
    assert local_eval.main() == 0
    monkeypatch.setattr(sys, "argv", ["local_eval.py", "report", *runs])
    assert local_eval.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert "A: a" in [line.strip() for line in lines]  # a comparison is printed as a table too
    pages = [Path(lines[0]), Path(lines[-1])]
    assert pages == [tmp_path / "a" / "report.html", tmp_path / "a" / "comparison.html"]
    assert all(page.read_text().startswith("<!doctype html>") for page in pages)


def test_a_failed_report_is_reported_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(folder: Path, **more: object) -> Path:
        raise ZeroDivisionError("a fault of the page")

    monkeypatch.setattr(local_eval.writing, "write_report", fail)
    local_eval.report_run(Console(), tmp_path)
    printed = capsys.readouterr()
    assert printed.err == "warning: no report: ZeroDivisionError: a fault of the page\n"
    assert printed.out == ""


def test_a_level_of_our_own_game_has_a_map(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [lucky_level("PangolinDash-Genesis:MeadowZone.Act3", 3)])
    record = read_record(run).levels[0]
    assert local_eval.draw_map(record) is None
    ours = replace(record, integration=str(PROGRAM.parent / "game" / "integrations"))
    drawn = local_eval.draw_map(ours)
    assert drawn is not None and drawn.webp[8:12] == b"WEBP"
    assert 0 < drawn.start_x < drawn.end_x < drawn.width
    assert local_eval.draw_map(replace(ours, integration=str(tmp_path))) is None
