"""One repository of the Hugging Face hub: what is in it, what is put into it, and its errors in one line each."""

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars, logging

from headpursuit.sharing.files import LARGEST_MANIFEST
from headpursuit.storage import MANIFEST, parse_manifest, read_json

_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"


@dataclass(frozen=True)
class Shared:
    """A folder that was pushed or pulled."""

    name: str
    """The repository, such as `user/colours`."""
    url: str
    kind: str
    """The kind of folder: ranking, edit, capture, atlas, ..."""
    commit: str
    """Tells exactly this version: `pull --revision COMMIT` gets it again."""
    private: bool
    n_files: int
    """Files with a checksum, all of which were verified."""
    n_bytes: int
    left_out: tuple[str, ...] = ()
    """Files of the folder that were not pushed, because its manifest does not list them."""


@dataclass(frozen=True)
class Snapshot:
    """A repository's files at one commit."""

    commit: str
    private: bool
    sizes: dict[str, int]
    """Files, in bytes."""


class Repository:
    """One repository of the hub that `HF_ENDPOINT` names, with the token that huggingface_hub finds.

    Every method raises `FileNotFoundError` if there is no such repository or revision, `PermissionError` if it is not
    yours to read or write, and `ConnectionError` if the hub is out of reach or at fault.
    """

    def __init__(self, name: str, endpoint: str | None = None) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a repository; write USER/NAME, and a revision with `revision`")
        self.name = name
        self._api = HfApi(endpoint=endpoint, library_name="headpursuit", library_version=version("headpursuit"))
        if not _is_address(self._api.endpoint):
            raise ValueError(
                f"{self._api.endpoint!r} is no address of a hub; HF_ENDPOINT is like https://huggingface.co"
            )

    @property
    def url(self) -> str:
        """Its page."""
        return f"{self._api.endpoint}/{self.name}"

    def snapshot(self, revision: str | None = None) -> Snapshot:
        """Its files at a branch, tag or commit; by default at the head of its main branch."""
        with self._errors(revision):
            found = self._api.model_info(self.name, revision=revision, files_metadata=True)
        sizes = {file.rfilename: file.size or 0 for file in found.siblings or []}
        return Snapshot(str(found.sha), bool(found.private), sizes)

    def download(self, files: Iterable[str], snapshot: Snapshot, folder: Path) -> None:
        """Put files into a folder, several at once; whether they are as they should be, the caller has to check."""
        patterns = [escape(file) for file in files]
        with self._errors(snapshot.commit):
            self._api.snapshot_download(self.name, revision=snapshot.commit, local_dir=folder, allow_patterns=patterns)
        # The library keeps notes there, which are no part of the folder.
        shutil.rmtree(folder / ".cache", ignore_errors=True)

    def manifest(self, snapshot: Snapshot, folder: Path) -> dict[str, Any]:
        """Its manifest, downloaded into a folder.

        Raises:
            ValueError: If it has none, or one that headpursuit did not write.
        """
        if MANIFEST not in snapshot.sizes:
            raise ValueError(f"{self.name} holds nothing that headpursuit pushed: it has no {MANIFEST}")
        if snapshot.sizes[MANIFEST] > LARGEST_MANIFEST:
            raise ValueError(f"{self.name}: its {MANIFEST} has more than {LARGEST_MANIFEST / 1e6:g} MB")
        self.download([MANIFEST], snapshot, folder)
        try:
            content = read_json(folder / MANIFEST)
        except ValueError as error:
            reason = str(error).removeprefix(str(folder / MANIFEST))
            raise ValueError(f"{self.name} is damaged: its {MANIFEST}{reason}") from error
        return parse_manifest(content, self.name)

    def create(self, private: bool) -> None:
        """Make it; its name must be free."""
        with self._errors():
            self._api.create_repo(self.name, private=private)

    def branch(self, name: str, commit: str) -> None:
        """Make a branch that begins at a commit, if there is none of that name."""
        with self._errors(commit):
            self._api.create_branch(self.name, branch=name, revision=commit, exist_ok=True)

    def tag(self, name: str, commit: str) -> None:
        """Name a commit; the name must be free."""
        with self._errors(commit):
            self._api.create_tag(self.name, tag=name, revision=commit)

    def commit(
        self,
        files: Mapping[str, Path | bytes],
        stale: Sequence[str],
        message: str,
        onto: Snapshot,
        branch: str | None = None,
    ) -> str:
        """Put files in and take stale ones out, all at once or not at all.

        `upload_folder` makes several commits of a large folder: who pulls between them gets half of it.

        Args:
            files: By the name they get.
            stale: Names of files that go.
            message: What the history says.
            onto: What the branch holds now; if it holds something else by then, nothing is done.
            branch: Main if None.

        Returns:
            The commit.
        """
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            *(CommitOperationDelete(name) for name in stale),
            *(CommitOperationAdd(name, content) for name, content in files.items()),
        ]
        with self._errors(branch):
            done = self._api.create_commit(
                self.name, operations, commit_message=message, revision=branch, parent_commit=onto.commit
            )
        return str(done.oid)

    @contextmanager
    def _errors(self, revision: str | None = None) -> Iterator[None]:
        """Say in one line what went wrong. The library's errors hold no token, and neither do these."""
        hub = self._api.endpoint
        try:
            with _quietly():
                yield
        except OfflineModeIsEnabled as error:
            raise ConnectionError("HF_HUB_OFFLINE is set; unset it to reach the hub") from error
        except RevisionNotFoundError as error:
            raise FileNotFoundError(f"{self.name} has no revision {revision or 'main'}") from error
        except GatedRepoError as error:
            raise PermissionError(f"{self.name} is gated: ask for access at {self.url}, then {_LOG_IN}") from error
        except RepositoryNotFoundError as error:
            message = f"there is no repository {self.name} at {hub} that you may see; if it is private, {_LOG_IN}"
            raise FileNotFoundError(message) from error
        except HfHubHTTPError as error:
            raise self._refusal(error) from error
        except LocalEntryNotFoundError as error:
            cause = error.__cause__ if isinstance(error.__cause__, HfHubHTTPError) else None
            raise self._refusal(cause) if cause else self._out_of_reach(error.__cause__ or error) from error
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise ConnectionError(f"{hub} does not answer like a Hugging Face hub; is HF_ENDPOINT right?") from error
        except HTTPError as error:
            raise self._out_of_reach(error) from error
        except RuntimeError as error:
            # What moves large files raises these, whatever went wrong on the way.
            reason = " ".join(str(error.__cause__ or error).split())
            raise ConnectionError(f"the transfer of {self.name} broke off ({reason:.200}); try again") from error

    def _out_of_reach(self, error: BaseException) -> ConnectionError:
        reason = " ".join(str(error).split()) or type(error).__name__
        return ConnectionError(f"the Hugging Face hub at {self._api.endpoint} is out of reach ({reason:.200})")

    def _refusal(self, error: HfHubHTTPError) -> OSError:
        status, said = error.response.status_code, " ".join((error.server_message or "").split())
        because = f" ({said:.300})" if said else ""
        if status == 401:
            return PermissionError(f"you are not logged in to {self._api.endpoint}: {_LOG_IN}{because}")
        if status == 403:
            return PermissionError(f"your token may not do this with {self.name}; it needs another role{because}")
        if status in (409, 412):
            return OSError(f"{self.name} was changed meanwhile, or holds this already; look and push again{because}")
        return ConnectionError(f"the hub at {self._api.endpoint} answered {status} about {self.name}{because}")


def _is_address(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


@contextmanager
def _quietly() -> Iterator[None]:
    """The library's own bars and warnings would tear the one line that the user reads."""
    had_bars, level = not are_progress_bars_disabled(), logging.get_verbosity()
    logging.set_verbosity_error()
    if had_bars:
        disable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if had_bars:
            enable_progress_bars()
