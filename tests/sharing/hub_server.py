"""A stand-in for the Hugging Face hub: the part of its HTTP API that huggingface_hub calls to push and to pull.

Repositories live in memory. Files ending in `.safetensors` go through LFS, all others through the commit itself, as on
the hub. Tests look into `repositories`, and make it misbehave with `truncated` and `status`.
"""

import base64
import hashlib
import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit

WRITER, READER = "hf_writer", "hf_reader"


@dataclass
class Stored:
    """A repository: what each commit holds, and which commit each branch and tag names."""

    private: bool
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def commit(self, files, ref="main"):
        sha = hashlib.sha1(repr((len(self.commits), sorted(files.items()))).encode()).hexdigest()
        self.commits[sha] = files
        self.refs[ref] = sha
        return sha

    def sha(self, revision):
        return self.refs.get(revision, revision if revision in self.commits else None)

    @property
    def files(self):
        return self.commits[self.refs["main"]]


class Hub(ThreadingHTTPServer):
    """What a test sees of the server."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, Stored] = {}
        self.objects: dict[str, bytes] = {}
        self.requests: list[tuple[str, str, str]] = []
        self.truncated: dict[str, int] = {}
        """How many bytes of a file come before its download breaks off; when it is tried again, none."""
        self.status: dict[str, int] = {}
        """Answers to give by the beginning of the path, whatever is asked for."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def store(self, name, files, private=True):
        """A repository as someone else may have made it."""
        self.repositories[name] = Stored(private)
        return self.repositories[name].commit({".gitattributes": b"", **files})


class Refused(Exception):
    """An error that the hub answers with."""

    def __init__(self, status, code="", message=""):
        self.status, self.code, self.message = status, code, message


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A body that waits for its header to be acknowledged comes 40 ms late.
    disable_nagle_algorithm = True
    server: Hub

    def log_message(self, *_):
        pass

    def _handle(self):
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        self.token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        self.server.requests.append((self.command, path, self.token))
        try:
            for start, status in self.server.status.items():
                if path.startswith(start):
                    raise Refused(status, message="as the test wants")
            for method, pattern, answer in ROUTES:
                match = re.fullmatch(pattern, path)
                if match and self.command in method.split():
                    return answer(self, *match.groups())
            raise Refused(404, message=f"the stand-in does not know {self.command} {path}")
        except Refused as refused:
            headers = {"X-Error-Code": refused.code} if refused.code else {}
            return self._send(refused.status, json.dumps({"error": refused.message}).encode(), headers)

    do_GET = do_HEAD = do_POST = do_PUT = _handle

    def _send(self, status, content=b"", headers=None, sent=None):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[:sent])
        self.close_connection = self.close_connection or sent is not None

    def _json(self, content):
        self._send(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _may_write(self):
        if not self.token:
            raise Refused(401, message="Invalid username or password.")
        if self.token != WRITER:
            raise Refused(403, message="You need a token that can write.")

    def _repository(self, name, revision="main"):
        found = self.server.repositories.get(name)
        if found is None or (found.private and self.token not in (WRITER, READER)):
            raise Refused(404 if self.token else 401, "RepoNotFound", "Repository not found")
        sha = found.sha(revision)
        if sha is None:
            raise Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return found, sha

    def create(self):
        self._may_write()
        asked = json.loads(self.body)
        name = f"{asked['organization']}/{asked['name']}"
        if name in self.server.repositories:
            raise Refused(409, message="You already created this model repo")
        private = asked.get("visibility") == "private" or asked.get("private") is True
        self.server.store(name, {}, private)
        self._json({"url": f"{self.server.url}/{name}"})

    def validate(self):
        front = json.loads(self.body)["content"].split("---")
        self._json({"errors": [], "warnings": [] if len(front) > 2 else [{"message": "empty or missing yaml"}]})

    def info(self, name, revision=None):
        found, sha = self._repository(name, revision or "main")
        files = [{"rfilename": file, "size": len(content)} for file, content in found.commits[sha].items()]
        self._json({"id": name, "sha": sha, "private": found.private, "siblings": files})

    def tree(self, name, revision):
        found, sha = self._repository(name, revision)
        files = found.commits[sha].items()
        listed = [{"type": "file", "path": f, "size": len(c), "oid": hashlib.sha1(c).hexdigest()} for f, c in files]
        self._json(listed)

    def preupload(self, name, revision):
        self._may_write()
        self._repository(name, revision)
        modes = {True: "lfs", False: "regular"}
        asked = [file["path"] for file in json.loads(self.body)["files"]]
        files = [{"path": p, "uploadMode": modes[p.endswith(".safetensors")], "shouldIgnore": False} for p in asked]
        self._json({"files": files})

    def batch(self, _name):
        self._may_write()
        action = {"upload": {"href": f"{self.server.url}/lfs/"}}
        objects = [
            {**one, "actions": {"upload": {"href": action["upload"]["href"] + one["oid"]}}}
            for one in json.loads(self.body)["objects"]
        ]
        self._json({"objects": objects, "transfer": "basic"})

    def put(self, oid):
        assert hashlib.sha256(self.body).hexdigest() == oid
        self.server.objects[oid] = self.body
        self._send(200)

    def commit(self, name, revision):
        self._may_write()
        found, sha = self._repository(name, revision)
        lines = [json.loads(line) for line in self.body.splitlines()]
        if lines[0]["value"].get("parentCommit", sha) != sha:
            raise Refused(412, message="A commit has happened since.")
        files = dict(found.commits[sha])
        for line in lines[1:]:
            key, value = line["key"], line["value"]
            if key == "deletedFile":
                del files[value["path"]]
            else:
                inline = key == "file"
                files[value["path"]] = (
                    base64.b64decode(value["content"]) if inline else self.server.objects[value["oid"]]
                )
        new = found.commit(files, revision)
        self._json({"commitUrl": f"{self.server.url}/{name}/commit/{new}", "commitOid": new})

    def refer(self, name, kind, ref):
        """A branch of that name, or a tag of that commit."""
        self._may_write()
        asked = json.loads(self.body)
        found, sha = self._repository(name, ref if kind == "tag" else asked.get("startingPoint", "main"))
        new = asked["tag"] if kind == "tag" else ref
        if new in found.refs:
            raise Refused(409, message="Reference already exists")
        found.refs[new] = sha
        self._send(200)

    def resolve(self, name, revision, file):
        found, sha = self._repository(name, revision)
        content = found.commits[sha].get(file)
        if content is None:
            raise Refused(404, "EntryNotFound", "Entry not found")
        headers = {"X-Repo-Commit": sha, "ETag": f'"{hashlib.sha1(content).hexdigest()}"'}
        breaks = file in self.server.truncated and self.command == "GET"
        self._send(200, content, headers, self.server.truncated[file] if breaks else None)
        if breaks:
            self.server.truncated[file] = 0


NAME = r"([\w.-]+/[\w.-]+)"
ROUTES = [
    ("POST", "/api/repos/create", Handler.create),
    ("POST", "/api/validate-yaml", Handler.validate),
    ("GET", f"/api/models/{NAME}", Handler.info),
    ("GET", f"/api/models/{NAME}/revision/(.+)", Handler.info),
    ("GET", f"/api/models/{NAME}/tree/(.+)", Handler.tree),
    ("POST", f"/api/models/{NAME}/preupload/(.+)", Handler.preupload),
    ("POST", f"/{NAME}.git/info/lfs/objects/batch", Handler.batch),
    ("PUT", "/lfs/(.+)", Handler.put),
    ("POST", f"/api/models/{NAME}/commit/(.+)", Handler.commit),
    ("POST", f"/api/models/{NAME}/(branch|tag)/(.+)", Handler.refer),
    ("GET HEAD", f"/{NAME}/resolve/([^/]+)/(.+)", Handler.resolve),
]


def point_at(hub, monkeypatch, folder):
    """Let huggingface_hub take this hub for the hub, with a token that can write and nothing of the user's own."""
    for name, value in {
        "ENDPOINT": hub.url,
        "HUGGINGFACE_CO_URL_TEMPLATE": hub.url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_TOKEN_PATH": str(folder / "no-token"),
        "HF_HUB_CACHE": str(folder / "cache"),
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_XET": True,
    }.items():
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
    monkeypatch.setenv("HF_TOKEN", WRITER)


@contextmanager
def running():
    """The server in a thread."""
    with Hub() as hub:
        thread = Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
