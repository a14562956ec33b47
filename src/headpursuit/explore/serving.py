"""The page on this machine: served to this machine alone, and loading nothing from elsewhere."""

import atexit
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from headpursuit.explore.workbench import Workbench
from headpursuit.extras import optional

ADDRESS = "127.0.0.1"

MOST_WAITING = 100
"""Visitors in the queue; more are told that it is full."""

_LARGEST_FILE = "20mb"

_SETTINGS = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_SHARE": "False",
    "GRADIO_MCP_SERVER": "False",
    "GRADIO_SSR_MODE": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
"""Set before Gradio is imported, whatever the user's environment says."""

_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "object-src 'none'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)


def check_installed() -> None:
    """Find out before a model is loaded whether there can be a page.

    Raises:
        ExtraMissing: If Gradio is not installed.
    """
    for name in [name for name in os.environ if name.startswith("GRADIO_")]:
        del os.environ[name]
    os.environ.update(_SETTINGS)
    optional("gradio")


def serve(
    bench: Workbench,
    capture: Path,
    output: Path,
    *,
    port: int | None = None,
    origin: str = "",
    open_browser: bool = False,
) -> Any:
    """Serve the page in threads of its own, until the returned Blocks are closed or the program ends.

    Args:
        bench: The workbench.
        capture: Where its capture is.
        output: The folder that studies are written into.
        port: The port; the first free one from 7860 if None.
        origin: What was captured, in a few words.
        open_browser: Open the page in the user's browser.

    Returns:
        Gradio's Blocks, whose `local_url` is the address.

    Raises:
        ExtraMissing: If Gradio is not installed.
        OSError: If the port is taken.
    """
    check_installed()
    # All that is served: what visitors upload, and copies of their reports. It is gone when the program ends.
    uploads = os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="headpursuit-explore-")
    atexit.register(shutil.rmtree, uploads, ignore_errors=True)
    from headpursuit.explore.page import look, page

    blocks = page(bench, capture, output, origin).queue(max_size=MOST_WAITING, api_open=False)
    blocks.launch(
        server_name=ADDRESS,
        server_port=port,
        share=False,
        inbrowser=open_browser,
        prevent_thread_lock=True,
        quiet=True,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        run_history=False,
        footer_links=[],
        max_file_size=_LARGEST_FILE,
        app_kwargs={"middleware": [_guard()], "docs_url": None, "redoc_url": None, "openapi_url": None},
        **look(),
    )
    return blocks


def _guard() -> Any:
    from starlette.middleware import Middleware

    return Middleware(StayHere)


class StayHere:
    """ASGI middleware: the page loads from its own address only, and answers to that address only.

    A name of elsewhere that was made to point here is refused, and so is what a page of another site
    sends, so that none can speak in a visitor's place. So is an address within an address, which Gradio would fetch.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host, sender = headers.get(b"host", ""), headers.get(b"origin")
        if sender is not None and urlsplit(sender).netloc != host:
            await _refuse(send, "this page takes nothing from pages of other sites")
            return
        if host.rsplit(":", 1)[0] not in (ADDRESS, "localhost"):
            await _refuse(send, "this page answers to 127.0.0.1 only")
            return
        if re.search("://|/proxy=", scope["path"]):
            await _refuse(send, "this page fetches nothing from elsewhere")
            return

        async def with_policy(message: Any) -> None:
            if message["type"] == "http.response.start":
                extra = [(b"content-security-policy", _POLICY.encode()), (b"referrer-policy", b"no-referrer")]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        await self._app(scope, receive, with_policy)


async def _refuse(send: Any, reason: str) -> None:
    await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": reason.encode()})
