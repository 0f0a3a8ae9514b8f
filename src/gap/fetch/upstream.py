"""Files of the authors' repository (kaistAI/GAP) at one commit, each with its checksum."""

from __future__ import annotations

import hashlib
import time
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from gap.core.digest import file_digest
from gap.core.errors import BadInput, Refused, Unavailable
from gap.core.files import writing
from gap.core.locations import DOWNLOADS, VARIABLE, mirror
from gap.fetch.origin import Origin

REPOSITORY = "kaistAI/GAP"
COMMIT = "fe89b0ad6c5c13f7f4e848ad3058a7df1fc3b5c6"
BASE = f"https://raw.githubusercontent.com/{REPOSITORY}/{COMMIT}"
#: Folder of these files inside a mirror or another data folder, and inside the downloads.
FOLDER = "upstream_gap"
TRIES = 4
#: Seconds before the second try; each further one waits twice as long.
PAUSE = 1.0
TIMEOUT = 30.0
#: Answers below 500 that a later try may mend: request timeout, too many requests.
PASSING = (408, 429)

#: SHA-256 of every file that may be asked for.
PINNED = {
    "LICENSE": "c71d239df91726fc519c6eb72d318ec65820627232b2f796219e87dcf35d0ab4",
    "data/test_data/blended_skill_talk.json": "7dadd9651f2f8c751601fb2ac3167f373db3ae736e628138f989b4cd2c17102e",
    "data/test_data/empathetic_dialogues.json": "418c12d6198e1cc88163814963d5d7f342d19ae63a6a88fb856ff9a2d149e794",
    "data/test_data/wizard_of_internet.json": "811315926d12166fb526bfdcadc8db2c24638bd603494669301075c7684c3c96",
    "data/test_data/wizard_of_wikipedia.json": "d361227f9e5a4f393394f4e100274f980646fb51d17f04e31cd3b8e6ff8dc802",
    "data/train_data/github.csv": "fbc0b60975aed0a41f3ef8ac12614ea23b88ad4966c614c97d62c06737ca9fb0",
    "data/train_data/lm_extraction.csv": "32dc0b8f6341e53ac2aaa15de5ea75fbe931c9ba20fc4b36cc93545e147acc93",
    "data/train_data/pile-cc.csv": "a900fdd3710473722070701e54c35f9ba2ae3815ffb165fba46bbc9d0ad7f81a",
    "data/validation_data/blended_skill_talk.json": "60c938c0f2f2f15d00a962a2df2163a9ce2d1511a90baacc68cb713d3b686766",
    "data/validation_data/empathetic_dialogues.json": "337ebfe6171f8732f114ea618febde30bb05bf2fa3aff259f452c9c5bbac65de",
    "data/validation_data/pubmed_qa.csv": "f2b0fb465b7cf1e1c3dce47a0b51baea35aa8bc67705682aaddf70f36b041519",
    "data/validation_data/wizard_of_internet.json": "8347706b3d7c33816c9b53851ec34e11015fa0632c067a69d44b4d754cc60bd9",
    "data/validation_data/wizard_of_wikipedia.json": "e8d2d3332fe6abf59a567fa4a6cc9d7d8bfbebf0d38291519ef7a3df0df2e978",
    "full_results/classification.csv": "8f706748226d807a59ff48a84637a2e291e9de388962742564ae39e514d42137",
    "full_results/dialog.csv": "0e7f40136929083d7607ef430e6cb7ea18b896c2c706b16ec0ab6c41d3b70b37",
}


def read_upstream(relative: str) -> Path:
    """Path of one pinned file: the mirror's, an earlier download, or a download made now.

    Parameters
    ----------
    relative: path inside the authors' repository, a key of ``PINNED``.

    Raises
    ------
    BadInput: the file is not one of the pinned ones.
    Unavailable: it is in no mirror and cannot be downloaded.
    Refused: what was found or downloaded has another SHA-256; a bad download is not kept.
    """
    if relative not in PINNED:
        raise BadInput(relative, "not a file that this project reads", f"one of {sorted(PINNED)}", "Correct the name.")
    root = mirror()
    if root is not None and (path := root / FOLDER / relative).is_file():
        _check(str(path), file_digest(path), relative, f"Replace it in the folder that {VARIABLE} names.")
        return path
    downloaded = DOWNLOADS / FOLDER / relative
    if downloaded.is_file() and file_digest(downloaded) == PINNED[relative]:
        return downloaded
    url = f"{BASE}/{relative}"
    content = _download(url)
    cure = "The download was not kept; try again, or use a network that does not change files."
    _check(url, hashlib.sha256(content).hexdigest(), relative, cure)
    with writing(downloaded) as temporary:
        temporary.write_bytes(content)
    return downloaded


def upstream_origin(relative: str) -> Origin:
    """Where one pinned file comes from; the licence is that of the repository."""
    return Origin("github", REPOSITORY, COMMIT, "apache-2.0", {relative: PINNED[relative]})


def _check(where: str, sha256: str, relative: str, cure: str) -> None:
    if sha256 != PINNED[relative]:
        raise Refused(where, f"SHA-256 {sha256}", f"{PINNED[relative]} ({relative} at commit {COMMIT[:12]})", cure)


def _download(url: str) -> bytes:
    """The bytes behind ``url``; passing failures (no connection, cut short, 5xx) are tried again."""
    problem: Exception | None = None
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        try:
            with urlopen(url, timeout=TIMEOUT) as response:
                return response.read()
        except HTTPError as error:
            error.close()
            problem = error
            if error.code < 500 and error.code not in PASSING:
                break
        except (OSError, HTTPException) as error:
            problem = error
    raise Unavailable(
        url,
        f"could not be downloaded ({problem})",
        "a network that reaches this address, or a local copy",
        f"Connect and start again, or set {VARIABLE} to a folder that holds {FOLDER}/ (the authors' files at their own relative paths).",
    )
