"""Install this project into an environment: ``python workflow/scripts/install.py FOLDER [EXTRA]``.

uv installs where it is on PATH, else pip; both hold to constraints.txt.  The screen gets a line per phase, and on a terminal one
that changes with every package.  All that the installer says is in FOLDER/install.log.  Only the standard library is there yet.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

#: What pip's settings are called for uv, which does not read them.
UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}
#: Lines of pip and of uv that begin a phase, and what the screen says then.
PHASES = (
    (r"Installing collected packages: (.*)", lambda found: f"unpacking {found[1].count(',') + 1} package(s)"),
    (r"(Resolved|Prepared) (\d+ packages?)", lambda found: f"{found[1].lower()} {found[2]}"),
)
#: Beginnings of lines about one package.
PACKAGE = re.compile(r"\s*((?:Collecting|Downloading|Building) [\w.-]+)")
#: Lines of the log that are shown where the installation fails.
LAST = 15


def main() -> int:
    """Make the environment if there is none, and install; the exit code."""
    if wrong := sorted(set("{}:") & set(os.getcwd())):
        why = "Snakemake takes braces for wildcards, and PATH is cut at colons"
        say(f"{os.getcwd()} has {' and '.join(wrong)} in its path. {why}: rename the folder.")
        return 2
    folder, extra = Path(sys.argv[1]), "".join(f"[{name}]" for name in sys.argv[2:])
    python = str(folder / "bin/python")
    if not Path(python).exists() and not made(folder):
        return 2
    what = ["--constraint", "constraints.txt", "--editable", f".{extra}"]
    pip = [python, "-m", "pip"]
    begun = time.monotonic()
    title = f"Installing .{extra} into {folder}, {'once' if extra else '2 GB, or 6 GB with CUDA, a few minutes, once'}"
    uv = shutil.which("uv")
    if uv:
        say(f"{title} (uv)")
        settings = pip_settings(pip)
        more = [f"--constraint={path}" for path in settings.get("constraint", "").split()]
        if ran([uv, "pip", "install", "--python", python, *what, *more], folder, uv_variables(settings)):
            return done(begun)
        say(f"uv could not ({folder}/install.log says why); pip tries.")
    say(f"{title} (pip)")
    if ran([*pip, "install", "--disable-pip-version-check", "--progress-bar", "off", *what], folder, {}):
        return done(begun)
    # warnings are about this machine's settings, and would hide the error
    lines = [line for line in (folder / "install.log").read_text(encoding="utf-8").splitlines() if not line.startswith("WARNING: ")]
    say("\n".join([*lines[-LAST:], f"The installation failed; {folder}/install.log holds all that was said. make install tries again."]))
    return 3


def made(folder: Path) -> bool:
    """Make an empty environment with pip in it."""
    tried = subprocess.run([sys.executable, "-m", "venv", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if tried.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        say(f"{tried.stdout.strip()}\n{sys.executable} cannot make an environment; on Debian: apt-get install python3-venv.")
    return not tried.returncode


def pip_settings(pip: list[str]) -> dict[str, str]:
    """What pip's files and variables set; several values of one name stand side by side, with spaces between them."""
    listed = subprocess.run([*pip, "config", "list"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    found = re.findall(r"^(global|install|:env:)\.([a-z-]+)='(.*)'$", listed, re.MULTILINE)
    order = ["global", "install", ":env:"]  # the later one counts
    return {name: " ".join(value.replace("\\n", " ").split()) for _, name, value in sorted(found, key=lambda each: order.index(each[0]))}


def uv_variables(settings: dict[str, str]) -> dict[str, str]:
    """pip's settings as variables for uv, which else asks other places; of several indexes the best version counts, as with pip."""
    return {UV_NAMES[name]: value for name, value in settings.items() if name in UV_NAMES} | {"UV_INDEX_STRATEGY": "unsafe-best-match"}


def ran(command: list[str], folder: Path, settings: dict[str, str]) -> bool:
    """Run the installer, show its phases, and keep what it says; whether it went well."""
    with (folder / "install.log").open("a", encoding="utf-8") as log:
        print(shlex.join(command), file=log, flush=True)
        process = subprocess.Popen(
            command, env={**settings, **os.environ}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        for line in process.stdout or ():
            log.write(line)
            log.flush()
            if package := PACKAGE.match(line):
                passing(package[1])
            for pattern, words in PHASES:
                if phase := re.match(pattern, line):
                    passing("")
                    say(f"  {words(phase)}")
    passing("")
    return process.wait() == 0


def done(begun: float) -> int:
    """Say how long it took."""
    say(f"  installed in {time.monotonic() - begun:.0f} s")
    return 0


def say(text: str) -> None:
    """Print lines that stay."""
    print(text, flush=True)


def passing(text: str) -> None:
    """Show a line that the next one replaces, on a terminal alone."""
    if sys.stdout.isatty():
        print(f"\r\033[K  {text}" if text else "\r\033[K", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())
