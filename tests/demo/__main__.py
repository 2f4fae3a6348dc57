"""The demo: see scripts/demo."""

import argparse
import os
import signal
import sys

if not __package__:
    # Run as a folder, Python puts this folder itself on the path; the package is one level up.
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from demo.screen import NobodyReads, Screen  # noqa: E402
from demo.stage import DemoFailed, Stage  # noqa: E402
from demo.story import HALLPASS, Story  # noqa: E402

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Ctrl-C, or another signal to end."""

    by = None  # the signal's number, once it came


def stop(number, _):
    Stopped.by = number
    raise Stopped


def handle_stop_signals(handler):
    for number in STOP_SIGNALS:
        signal.signal(number, handler)


def let_stop_signals_through():
    """scripts/demo keeps them back until here."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def show_around(screen, stage):
    screen.say("Look around: the logs; the client secret of step 2 as the database has it, sealed; and "
               "what the doctor says.")
    screen.command(f"tail -n 2 {stage.folder}/logs/*.log\n"
                   f"sqlite3 -line {stage.folder}/hallpass.db \\\n"
                   "  'SELECT public_id, client_id, hex(client_secret) FROM zoom_oauth_apps'\n"
                   f"{HALLPASS} doctor")


def tell_of_real_zoom(screen):
    screen.say("""For the real Zoom, leave zoom_oauth_url and zoom_api_url out of the configuration (their
        defaults are Zoom's), register your own app's client id, client secret and webhook secret token
        as in step 2, set public_url to the https address at which Zoom can reach this server, and
        give Zoom the app's webhook_url. docs/zoom-app-setup.md goes through it.""")
    screen.gap()


def show(screen, stage, stays):
    stage.open_zoom()
    let_stop_signals_through()
    stage.open_hallpass()
    Story(screen, stage).tell()
    if stays:
        show_around(screen, stage)
    else:
        screen.say("Now it is all taken down; scripts/demo --stay leaves it up, to look around.")
        screen.gap()
    tell_of_real_zoom(screen)
    if stays:
        try:
            screen.say(f"Up at {stage.url} until Ctrl-C.", "bold")
            signal.pause()
        except Stopped:
            screen.gap()


def complain(screen, stage, error):
    """Not of a command that failed since Ctrl-C is for all who run on the terminal."""
    if Stopped.by is not None:
        raise Stopped
    where = f"step {screen.chapter_count} ({screen.chapter_title})" if screen.chapter_count else "the start"
    print(f"\ndemo: {where}: {error}", file=sys.stderr)
    if stage.has_logs():
        print(f"demo: the logs are kept in {stage.folder}/logs", file=sys.stderr)


def tell(screen, stage, stays):
    """With a word on what went wrong."""
    try:
        show(screen, stage, stays)
    except DemoFailed as error:
        complain(screen, stage, error)
        raise
    except Exception as error:
        complain(screen, stage, repr(error))
        raise


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo", description="Shows Hallpass at work.")
    parser.add_argument("--stay", action="store_true", help="stay up at the end until Ctrl-C")
    arguments = parser.parse_args()
    screen = Screen()
    handle_stop_signals(stop)
    stage = Stage()
    status = 1
    try:
        tell(screen, stage, arguments.stay or screen.is_terminal)
        status = 0
    except Stopped:
        status = 128 + Stopped.by
    except NobodyReads:
        status = 128 + signal.SIGPIPE
    except DemoFailed:
        pass  # it was said
    finally:
        handle_stop_signals(signal.SIG_IGN)
        stage.close(keeps_folder=status == 1 and stage.has_logs())
    sys.exit(status)


main()
