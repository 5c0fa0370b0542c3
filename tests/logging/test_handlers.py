"""Handlers and levels that others have set, tests among them."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import unittest
from logging.handlers import MemoryHandler
from typing import TYPE_CHECKING, TextIO

import pytest
from algernon_logging import keep_handler, lambda_logged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

logger = logging.getLogger("tests.shop")
case = unittest.TestCase()


@lambda_logged
def handler(event: object = None, context: object = None) -> None:
    """Log at some levels."""
    logger.debug("details")
    logger.info("sold")


@lambda_logged
def failing() -> None:
    """Log an error."""
    logger.error("card refused")


@pytest.fixture(params=["first call", "warm", "in Lambda"])
def _wherever(request: pytest.FixtureRequest) -> None:
    """Let it be the first call of a process, a later one, or one that is told to be in Lambda."""
    if request.param == "warm":
        handler()
    if request.param == "in Lambda":
        request.getfixturevalue("on_lambda")


@pytest.fixture(params=["elsewhere", "on Lambda"])
def _anywhere(request: pytest.FixtureRequest) -> None:
    """Let it be outside Lambda, and on Lambda."""
    if request.param == "on Lambda":
        request.getfixturevalue("on_lambda")


@pytest.fixture
def named() -> Iterator[logging.Logger]:
    """Give a library's logger, and put it back."""
    library = logging.getLogger("tests.library")
    yield library
    library.handlers.clear()
    library.setLevel(logging.NOTSET)
    library.propagate = True


@pytest.mark.usefixtures("_wherever")
class TestToolsOfTests:
    """What sees lines in tests sees them as it does without the decorator."""

    def test_assert_logs(self) -> None:
        """Unittest's assertLogs sees what is logged, from its own level on."""
        for level, seen in (("INFO", ["sold"]), ("DEBUG", ["details", "sold"])):
            with case.assertLogs(level=level) as logs:
                handler()
            assert [record.getMessage() for record in logs.records] == seen
        with pytest.raises(AssertionError), case.assertLogs(level="WARNING"):
            handler()

    def test_assert_logs_of_one_logger(self) -> None:
        """So it does for a logger that is named, be it one that is kept quiet otherwise."""
        with case.assertLogs(logger, level="DEBUG") as logs:
            handler()
        assert [record.getMessage() for record in logs.records] == ["details", "sold"]
        for quiet in ("botocore", "httpx"):
            with case.assertLogs(quiet, level="DEBUG") as logs:
                lambda_logged(logging.getLogger(quiet).debug)("calling")
            assert logs.output == [f"DEBUG:{quiet}:calling"]

    def test_assert_no_logs(self) -> None:
        """Unittest's assertNoLogs fails where something is logged, and only there."""
        with pytest.raises(AssertionError), case.assertNoLogs():
            failing()
        with pytest.raises(AssertionError), case.assertNoLogs(level="DEBUG"):
            handler()
        for level in ("WARNING", "ERROR"):
            with case.assertNoLogs(level=level):
                handler()

    def test_a_tool_that_took_over_leaves_the_root_logger_as_it_was(self) -> None:
        """After the block, handlers and level are those of before it."""
        root = logging.getLogger()
        before = (root.level, list(root.handlers))
        with case.assertLogs():
            handler()
        assert (root.level, root.handlers) == before

    @pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO, logging.ERROR])
    def test_log_capture(self, level: int) -> None:
        """Testfixtures' LogCapture sees what is logged, from its own level on."""
        testfixtures = pytest.importorskip("testfixtures")
        with testfixtures.LogCapture(level=level) as captured:
            handler()
            failing()
        levels = {"DEBUG": "details", "INFO": "sold", "ERROR": "card refused"}
        assert [(record.levelname, record.getMessage()) for record in captured.records] == [
            (name, text) for name, text in levels.items() if logging.getLevelName(name) >= level
        ]

    def test_caplog(self, caplog: pytest.LogCaptureFixture) -> None:
        """Pytest's caplog sees lines from the level on that a test has set."""
        with caplog.at_level(logging.DEBUG):
            handler()
        assert caplog.messages[-2:] == ["details", "sold"]
        caplog.clear()
        with caplog.at_level(logging.ERROR):
            handler()
            failing()
        assert caplog.messages == ["card refused"]
        caplog.clear()
        caplog.set_level(logging.DEBUG, logger="botocore")
        lambda_logged(logging.getLogger("botocore").debug)("calling")
        assert caplog.messages == ["calling"]

    def test_caplog_after_debug(
        self, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its level holds after a call under DEBUG too."""
        monkeypatch.setenv("DEBUG", "true")
        handler()
        monkeypatch.delenv("DEBUG")
        caplog.clear()
        with caplog.at_level(logging.DEBUG):
            handler()
        assert caplog.messages == ["details", "sold"]


@pytest.mark.parametrize("level", [logging.NOTSET, logging.DEBUG, logging.ERROR])
def test_a_level_of_the_programs_own_stays(level: int, request: pytest.FixtureRequest) -> None:
    """Outside Lambda, who has chosen a level keeps it; on Lambda the settings decide."""
    root = logging.getLogger()
    root.setLevel(level)
    handler()
    assert root.level == level
    request.getfixturevalue("on_lambda")
    handler()
    # A handler of pytest's own has no level, as if a test had set that.
    assert root.level == (logging.INFO if level else level)


def test_what_sends_elsewhere_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Outside Lambda, a program's log file and the like go on, beside the line that is ours."""
    stream, seen = io.StringIO(), MemoryHandler(100)
    file = logging.FileHandler(tmp_path / "log.txt", encoding="utf-8")
    for each in (file, logging.StreamHandler(stream), seen):
        logging.getLogger().addHandler(each)
    handler()
    file.close()
    assert (tmp_path / "log.txt").read_text(encoding="utf-8") == "sold\n"
    assert stream.getvalue() == "sold\n"
    assert [record.getMessage() for record in seen.buffer] == ["sold"]
    assert capsys.readouterr().err.count("\tsold\n") == 1


class Console:
    """What rich writes through."""

    def __init__(self, file: TextIO) -> None:
        self.file = file


class ConsoleHandler(logging.Handler):
    """A handler that writes as that of rich does."""

    def __init__(self, file: TextIO) -> None:
        super().__init__()
        self.console = Console(file)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the message."""
        self.console.file.write(record.getMessage())


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("kind", [logging.StreamHandler, ConsoleHandler])
def test_what_writes_to_the_terminal_too_is_taken_off(
    kind: type[logging.Handler], stream: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Outside Lambda, a line stands once on a terminal."""
    logging.getLogger().addHandler(kind(getattr(sys, stream)))
    handler()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("sold") == 1


@pytest.mark.starts
def test_a_program_that_logs_to_a_file_goes_on_to(tmp_path: Path) -> None:
    """A program whose Task functions are decorated doesn't lose its own log."""
    code = f"""
import logging
logging.basicConfig(filename={str(tmp_path / "log.txt")!r}, format="%(message)s")
from algernon_logging import lambda_logged

@lambda_logged
def price(x):
    logging.warning("pricing")

logging.warning("before")
price(2)
logging.warning("after")
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    text = (tmp_path / "log.txt").read_text(encoding="utf-8")
    assert text == "before\npricing\nafter\n"


@pytest.mark.starts
def test_decorating_outside_lambda_leaves_logging_to_the_program() -> None:
    """A program may call basicConfig after it has imported what is decorated."""
    code = """
import logging
from algernon_logging import lambda_logged
lambda_logged(print)
root = logging.getLogger()
assert (root.handlers, root.level) == ([], logging.WARNING)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.usefixtures("_anywhere")
def test_a_handler_may_be_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """What is to be kept stays on the root logger and on others, on Lambda and elsewhere."""
    kept = keep_handler(logging.StreamHandler(sys.stdout))
    for name in ("", "tests.shop"):
        logging.getLogger(name).addHandler(kept)
        handler()
        logging.getLogger(name).removeHandler(kept)
        out, err = capsys.readouterr()
        assert out == "sold\n"
        assert err.count("\tsold\n") == 1


def test_only_a_handler_can_be_kept() -> None:
    """Something else is refused at once."""
    with pytest.raises(TypeError, match=r"needs a logging\.Handler, not 7"):
        keep_handler(7)  # type: ignore[type-var]


@pytest.mark.usefixtures("_anywhere")
def test_a_library_with_a_handler_of_its_own_writes_once(
    named: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its handler is taken off where its lines come to the root logger, from the first call on."""
    log = lambda_logged(logging.getLogger("tests.library.inner").warning)
    for stream in (sys.stderr, sys.stdout):
        named.addHandler(logging.StreamHandler(stream))
        log("once")
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("once") == 1
        assert named.handlers == []


def test_a_librarys_handler_stays_where_its_lines_appear_by_that_alone(
    named: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """What doesn't come to the root logger, or goes elsewhere, is left as it is."""
    stream = io.StringIO()
    named.addHandler(logging.StreamHandler(stream))
    lambda_logged(named.warning)("elsewhere")
    assert stream.getvalue() == "elsewhere\n"
    assert capsys.readouterr().err.count("elsewhere") == 1
    named.propagate = False
    named.addHandler(logging.StreamHandler(sys.stdout))
    lambda_logged(named.warning)("alone")
    assert capsys.readouterr() == ("alone\n", "")


def test_the_output_on_a_librarys_logger_writes_once(
    named: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """A library that was given the root logger's own handler writes once as well."""
    handler()
    (output,) = (h for h in logging.getLogger().handlers if "algernon" in type(h).__module__)
    named.addHandler(output)
    lambda_logged(named.warning)("once")
    assert capsys.readouterr().err.count("once") == 1
