"""From the hub: every file verified before the folder appears."""

from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from headpursuit.sharing.content import subject_of
from headpursuit.sharing.files import CARD, LARGEST_FILE, check_files
from headpursuit.sharing.repository import Repository, Shared, Snapshot
from headpursuit.storage import new_folder, refuse_existing, sha256_of


def pull(
    name: str,
    output: Path | str,
    *,
    revision: str | None = None,
    endpoint: str | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Shared:
    """Get what `push` put into a repository of the Hugging Face hub, as the same folder.

    Only files that its manifest lists are downloaded, and only of kinds that cannot execute; each must have the
    manifest's checksum. The folder appears when all is there. Checksums show damage, not who wrote the files: name a
    commit as `revision` to get exactly what you saw.

    Args:
        name: The repository, `user/name`.
        output: The folder to write; a ranking is in its `ranking.json`, an edit in its `edit.json`.
        revision: Branch, tag or commit; by default the newest.
        endpoint: Another hub than `HF_ENDPOINT` names.
        progress: Told the files that were verified, and all files.

    Raises:
        FileExistsError: If `output` exists.
        FileNotFoundError: If there is no such repository or revision.
        ValueError: If it holds something else, a file of another kind or too large, or a checksum is wrong.
        PermissionError: If you may not read it.
        ConnectionError: If the hub is out of reach.
        OSError: If the folder cannot be written, because the disk is full, say.
    """
    folder, repository = Path(output), Repository(name, endpoint)
    refuse_existing(folder)
    snapshot = repository.snapshot(revision)
    with TemporaryDirectory() as scratch:
        manifest = repository.manifest(snapshot, Path(scratch))
    files = manifest["files"]
    _check_listed(name, files, snapshot)
    description = {field: manifest[field] for field in manifest if field not in ("kind", "version", "files")}
    with new_folder(folder, manifest["kind"], description, files) as partial:
        has_card = snapshot.sizes.get(CARD, LARGEST_FILE) < LARGEST_FILE
        repository.download([*files, *[CARD] * has_card], snapshot, partial)
        for done, (file, sha256) in enumerate(files.items(), start=1):
            if sha256_of(partial / file) != sha256:
                raise ValueError(f"{name} is damaged: {file} does not match its checksum; nothing was kept")
            progress(done, len(files))
        _check_subject(name, partial, manifest["kind"])
    n_bytes = sum(snapshot.sizes[file] for file in files)
    return Shared(name, repository.url, manifest["kind"], snapshot.commit, snapshot.private, len(files), n_bytes)


def _check_listed(name: str, files: Iterable[str], snapshot: Snapshot) -> None:
    # Names first: that a file outside of the folder is "missing" would be the wrong complaint.
    check_files({file: snapshot.sizes.get(file, 0) for file in files}, name)
    missing = next((file for file in files if file not in snapshot.sizes), None)
    if missing is not None:
        raise ValueError(f"{name} is incomplete: its manifest lists {missing}, which is not there")


def _check_subject(name: str, folder: Path, kind: str) -> None:
    try:
        subject_of(folder, kind)
    except (ValueError, FileNotFoundError) as error:
        raise ValueError(f"{name} holds no {kind} that this version can read: {error}") from error
