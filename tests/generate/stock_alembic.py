"""Runs stock Alembic on projects, quickly: one process that has it loaded, and a child of it for each project."""

import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
import traceback

__all__ = ["Stock"]


class Stock:
    """The ``alembic`` command as a process that stays; ``close`` ends it."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def run(self, folder, *steps):
        """Do *steps* in a project until one fails; ``[["ok", output] | [exception class, its text], ...]``.

        Args:
            folder: with an alembic.ini.
            steps: ``("upgrade", "head")``, ``("downgrade", "-1")``, ``("check",)``, ``("revision", message)``: by
                autogenerate.
        """
        self._process.stdin.write(json.dumps({"folder": str(folder), "steps": steps}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the process that runs Alembic has died"
        return json.loads(line)

    def close(self):
        self._process.stdin.close()
        assert self._process.wait(timeout=30) == 0
        self._process.stdout.close()


def _serve():
    for module in ("alembic.command", "sqlalchemy.orm", "sqlalchemy.dialects.postgresql.psycopg"):
        importlib.import_module(module)  # what each child would have to import
    for line in sys.stdin:
        request = json.loads(line)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            with os.fdopen(writer, "w", encoding="utf-8") as stream:
                json.dump(_steps(request), stream)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, encoding="utf-8") as stream:
            answer = stream.read()
        os.waitpid(child, 0)
        sys.stdout.write(answer + "\n")
        sys.stdout.flush()


def _steps(request):
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    os.chdir(request["folder"])
    done = []
    for name, *args in request["steps"]:
        output = io.StringIO()
        config = Config("alembic.ini", stdout=output)
        try:
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
                if name == "revision":
                    command.revision(config, args[0], autogenerate=True)
                else:
                    getattr(command, name)(config, *args)
        except Exception as error:  # noqa: BLE001 - the answer is what went wrong
            cause = getattr(error, "orig", None) or error
            text = str(cause).strip() or traceback.format_exc()
            return [*done, [type(cause).__name__, text]]
        done.append(["ok", output.getvalue()])
    return done


if __name__ == "__main__":
    _serve()
