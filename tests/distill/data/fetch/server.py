"""A web server on this machine that can continue files, break off, and refuse to continue."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Served:
    """Files by path, and how they are served.

    Attributes:
        files: Content by path.
        ranges: Whether range requests are honoured.
        marked: Whether an ETag is sent.
        breaks: Bytes after which each of the next answers breaks off.
        asked: (path, Range) of every GET.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.ranges = self.marked = True
        self.breaks: list[int] = []
        self.asked: list[tuple[str, str | None]] = []
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self):
                self.answer(head=True)

            def do_GET(self):
                served.asked.append((self.path, self.headers.get("Range")))
                self.answer(head=False)

            def answer(self, head: bool):
                content = served.files.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                mark = f'"{hash(content)}"'
                wanted = self.headers.get("Range") if served.ranges else None
                if self.headers.get("If-Range", mark) != mark:
                    wanted = None
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
                if start and start >= len(content):
                    self.send_error(416)
                    return
                self.send_response(206 if wanted else 200)
                if wanted:
                    last = len(content) - 1
                    self.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
                if served.marked:
                    self.send_header("ETag", mark)
                body = content[start:]
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if not head:
                    cut = served.breaks.pop(0) if served.breaks else len(body)
                    self.wfile.write(body[:cut])

            def log_message(self, format, *args):
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
