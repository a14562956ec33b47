"""To the hub: one commit that holds the whole folder, or nothing."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from headpursuit.sharing.card import card
from headpursuit.sharing.content import Content, read_content
from headpursuit.sharing.files import CARD
from headpursuit.sharing.repository import Repository, Shared, Snapshot
from headpursuit.storage import MANIFEST


def push(
    path: Path | str,
    name: str,
    *,
    private: bool = True,
    revision: str | None = None,
    tag: str | None = None,
    endpoint: str | None = None,
) -> Shared:
    """Put a ranking, an edit or any other folder of headpursuit into a repository of the Hugging Face hub.

    A card is written for it, unless the folder has a `README.md`. What an earlier push put there is replaced, and
    other files beside it stay. A repository without anything that was pushed, or with a file of one's own where a new
    one would go, is refused; what is refused changes nothing there.

    Args:
        path: The JSON file of a ranking or edit, or a folder with a manifest.
        name: The repository, `user/name`; made if it is not there.
        private: Whether only you, or your organisation, may see it.
        revision: A branch, made if it is not there; by default main.
        tag: A name for exactly this version.
        endpoint: Another hub than `HF_ENDPOINT` names.

    Raises:
        FileNotFoundError: If there is nothing at `path`.
        ValueError: If that is not to be shared, the repository holds something else or is public, or the tag is taken.
        PermissionError: If you are not logged in, or may not write to it.
        ConnectionError: If the hub is out of reach.
        OSError: If the tag could not be set after the push; the error names the commit.
    """
    repository = Repository(name, endpoint)
    with TemporaryDirectory() as scratch:
        content = read_content(Path(path), Path(scratch))
        # Everything that can be refused is, before anything is made there.
        main = _found(repository)
        found = _found(repository, revision) if main and revision else main
        if main:
            _check_visibility(repository, main, private)
            _check_tag(repository, tag)
        stale = _stale(repository, found or main, content, Path(scratch))
        files = _files(content, name, tag or revision)
        before = found or _made(repository, main, private, revision)
        message = f"Push {content.kind} {content.fact('concept')}".strip()
        commit = repository.commit(files, stale, message, before, revision)
        _tag(repository, tag, commit)
        n_bytes = sum((content.folder / file).stat().st_size for file in content.files)
        left_out = tuple(sorted(_other_files(content.folder, files)))
    return Shared(name, repository.url, content.kind, commit, before.private, len(content.files), n_bytes, left_out)


def _found(repository: Repository, revision: str | None = None) -> Snapshot | None:
    try:
        return repository.snapshot(revision)
    except FileNotFoundError:
        return None


def _made(repository: Repository, main: Snapshot | None, private: bool, branch: str | None) -> Snapshot:
    """The repository or its branch, where it was not there; a branch begins as main is."""
    if main is None:
        repository.create(private)
        main = repository.snapshot()
    if branch is not None:
        repository.branch(branch, main.commit)
        return repository.snapshot(branch)
    return main


def _check_visibility(repository: Repository, main: Snapshot, private: bool) -> None:
    """A repository keeps its visibility, which must be no wider than was asked for."""
    if private and not main.private:
        raise ValueError(f"{repository.name} is public already; give `public=True`, or push to another name")


def _check_tag(repository: Repository, tag: str | None) -> None:
    """A tag stays where it is; better said before the push than after it."""
    if tag is not None and _found(repository, tag):
        raise ValueError(f"{repository.name} has a revision {tag} already; choose another tag")


def _tag(repository: Repository, tag: str | None, commit: str) -> None:
    if tag is None:
        return
    try:
        repository.tag(tag, commit)
    except OSError as error:
        raise OSError(f"pushed to {repository.name} as {commit}, but the tag {tag} was not set: {error}") from error


def _stale(repository: Repository, before: Snapshot | None, content: Content, scratch: Path) -> list[str]:
    """Files that an earlier push put there and that go with this one.

    Raises:
        ValueError: If a file would be overwritten that no push put there.
    """
    if before is None:
        return []
    pushed, new = _pushed_before(repository, before, content, scratch), set(content.files)
    in_the_way = sorted((new & set(before.sizes)) - pushed)
    if in_the_way:
        raise ValueError(
            f"{repository.name} holds files that headpursuit did not push ({in_the_way[0]}), and this push would "
            "overwrite them; push to another name"
        )
    return sorted((pushed & set(_theirs(before))) - new - {MANIFEST})


def _theirs(before: Snapshot) -> list[str]:
    """Files that a push can have put there; the hub's own, licences and the card are not looked at, and stay."""
    return [file for file in before.sizes if not file.startswith((".", "LICENSE")) and file != CARD]


def _pushed_before(repository: Repository, before: Snapshot, content: Content, scratch: Path) -> set[str]:
    """Files that an earlier push of the same kind put there, by its manifest; without one nothing may be there."""
    theirs = _theirs(before)
    if not theirs:
        return set()
    if MANIFEST not in theirs:
        raise ValueError(
            f"{repository.name} holds files that headpursuit did not push ({theirs[0]}); push to another name"
        )
    manifest = repository.manifest(before, scratch)
    if manifest["kind"] != content.kind:
        holds = f"{manifest['kind']}, not {content.kind}"
        raise ValueError(f"{repository.name} holds another kind of result ({holds}); push to another name")
    return set(manifest["files"])


def _files(content: Content, name: str, revision: str | None) -> dict[str, Path | bytes]:
    """Files to put there, by name: with the folder's own card, or a new one."""
    own = content.folder / CARD
    # Half a character, which JSON can write and UTF-8 cannot, becomes a question mark, as on pages.
    described = own if own.is_file() else card(content, name, revision).encode("utf-8", "replace")
    listed = {file: content.folder / file for file in (*content.files, MANIFEST)}
    return {**listed, CARD: described}


def _other_files(folder: Path, files: Iterable[str]) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()} - set(files)
