"""BuildStream as an oracle: one process that has it imported answers many commands, each in a child of its own.

Run by BuildStream's Python, this file is the server: a line of JSON {"args": [...]} on standard input is one `bst` command, a line of JSON on standard output
is what it did.  Imported by another Python, it has `Oracle`, the client."""
import json
import os
import subprocess
import sys

# The last three are what the plugins import and do not ask for.
PACKAGES = ("BuildStream==2.8.1", "buildstream-plugins==2.5.0", "buildstream-plugins-community==2.3.1",
            "dulwich", "requests", "tomlkit")


class Oracle:
    """`bst` of the environment that `python` belongs to."""

    def __init__(self, python, scratch):
        environment = dict(os.environ, XDG_CACHE_HOME=os.path.join(scratch, "cache"), LC_ALL="C.UTF-8",
                           XDG_CONFIG_HOME=os.path.join(scratch, "config"), HOME=os.path.join(scratch, "home"),
                           # byte code beside a project's plugins would change the keys of local sources
                           PYTHONDONTWRITEBYTECODE="1")
        os.makedirs(scratch, exist_ok=True)
        for name in ("XDG_CONFIG_HOME", "HOME"):
            os.makedirs(environment[name], exist_ok=True)
        self.server = subprocess.Popen([python, os.path.abspath(__file__), scratch], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, env=environment, text=True)

    def run(self, directory, *args):
        """{"status", "out", "err", "error": {"domain", "reason", "message", "detail"} or None}

        In formats of `show`, %{weak-key} is the weak key, which BuildStream itself does not show."""
        self.server.stdin.write(json.dumps({"args": ["-C", directory, *args]}) + "\n")
        self.server.stdin.flush()
        line = self.server.stdout.readline()
        if not line:
            raise SystemExit("the BuildStream server ended")
        return json.loads(line)

    def close(self):
        self.server.stdin.close()
        self.server.wait()


def note_errors(path):
    """Writes what BuildStream gives up with to `path`."""
    from buildstream._frontend.app import App  # pylint: disable=import-error

    plain = App._error_exit

    def noted(self, error, prefix=None):
        reason = error.reason
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"domain": error.domain.name if error.domain else None, "message": str(error),
                       "reason": getattr(reason, "name", reason), "detail": error.detail}, file)
        plain(self, error, prefix)

    App._error_exit = noted


def show_weak_keys():
    """Formats may have %{weak-key}."""
    from buildstream._frontend.widget import LogLine  # pylint: disable=import-error
    from buildstream.types import _KeyStrength  # pylint: disable=import-error

    plain = LogLine.show_pipeline

    def with_weak_keys(self, elements, format_):
        if "%{weak-key}" not in format_:
            return plain(self, elements, format_)
        return "\n".join(plain(self, [element], format_.replace("%{weak-key}", element._get_cache_key(strength=_KeyStrength.WEAK) or "-"))
                         for element in elements)

    LogLine.show_pipeline = with_weak_keys


def child(args, scratch):
    for number, name in ((0, os.devnull), (1, scratch + "/out"), (2, scratch + "/err")):
        handle = os.open(name, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(handle, number)
        os.close(handle)
    note_errors(scratch + "/error")
    show_weak_keys()
    from buildstream._frontend.cli import cli  # pylint: disable=import-error

    sys.argv = ["bst", *args]
    cli(prog_name="bst", args=["--no-colors", "--no-interactive", *args])


def answer(args, scratch):
    if os.path.exists(scratch + "/error"):
        os.unlink(scratch + "/error")
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            child(args, scratch)
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:  # pylint: disable=broad-except
            import traceback
            traceback.print_exc()
            status = 70
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status & 255)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    result = {"status": status, "error": None}
    for name in ("out", "err"):
        with open(f"{scratch}/{name}", encoding="utf-8", errors="surrogateescape") as file:
            result[name] = file.read()
    if os.path.exists(scratch + "/error"):
        with open(scratch + "/error", encoding="utf-8") as file:
            result["error"] = json.load(file)
    return result


def serve(scratch):
    # Whatever a command may need, so that children do not import it again.
    import buildstream._frontend.app
    import buildstream._frontend.cli
    import buildstream._project
    import buildstream._stream  # pylint: disable=unused-import

    out = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        out.write(json.dumps(answer(json.loads(line)["args"], scratch)) + "\n")
        out.flush()


if __name__ == "__main__":
    serve(sys.argv[1])
