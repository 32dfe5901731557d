"""Files at hand and downloads: checksums, mirrors, failures that leave nothing behind."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import threading
from pathlib import Path

import numpy as np
import pytest

from shoal import ShoalError
from shoal.data import available, fetch, load, mnist
from shoal.data.fetch import DataFile, download, read_checked

CONTENT = bytes(range(256)) * 40
FILE = DataFile("numbers", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
NOWHERE = "http://127.0.0.1:9/"  # the discard port: nobody listens


@pytest.fixture
def serve(tmp_path):
    """Start a web server on a folder's files; returns its address and the paths asked for."""
    servers = []

    def start(folder: Path) -> tuple[str, list[str]]:
        asked: list[str] = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args):
                super().__init__(*args, directory=str(folder))

            def do_GET(self):
                asked.append(self.path)
                super().do_GET()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/", asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def good(tmp_path):
    folder = tmp_path / "good"
    folder.mkdir()
    (folder / "numbers.gz").write_bytes(gzip.compress(CONTENT))
    return folder


@pytest.fixture
def bad(tmp_path):
    """A mirror with the right length and the wrong content."""
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "numbers.gz").write_bytes(gzip.compress(CONTENT[::-1]))
    return folder


@pytest.mark.parametrize("pack", [gzip.compress, bytes], ids=["gzipped", "plain"])
def test_a_file_at_hand(tmp_path, pack):
    path = tmp_path / "numbers"
    path.write_bytes(pack(CONTENT))
    assert read_checked(path, FILE) == CONTENT


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (CONTENT[:-1], r"is truncated \(expected 10240 bytes uncompressed, got 10239\)"),
        (CONTENT + b"x", "is too long"),
        (CONTENT[:-1] + b"x", "has the wrong checksum .*expected SHA-256 .*, got "),
        (gzip.compress(CONTENT)[:-20], r"is truncated \(the gzip stream ends early\)"),
        (gzip.compress(CONTENT * 9999), "is too long"),
        (gzip.compress(CONTENT)[:30] + b"\0" * 50, "cannot be read|ends early"),
        (b"", "is truncated"),
    ],
)
def test_a_damaged_file_at_hand(tmp_path, content, text):
    path = tmp_path / "numbers"
    path.write_bytes(content)
    with pytest.raises(ShoalError, match=text) as raised:
        read_checked(path, FILE)
    assert "delete it and get it again" in str(raised.value)


def test_a_download_is_kept(serve, good, elsewhere):
    address, asked = serve(good)
    assert download(FILE, [address], elsewhere) == (CONTENT, address)
    assert asked == ["/numbers.gz"]
    assert [path.name for path in elsewhere.iterdir()] == ["numbers.gz"]
    assert read_checked(elsewhere / "numbers.gz", FILE) == CONTENT


def test_the_second_mirror_is_tried_when_the_first_fails(serve, good, bad, elsewhere, tmp_path):
    (tmp_path / "empty").mkdir()
    second, _ = serve(good)
    for first in (NOWHERE, serve(bad)[0], serve(tmp_path / "empty")[0]):
        assert download(FILE, [first, second], elsewhere) == (CONTENT, second)
        (elsewhere / "numbers.gz").unlink()


def test_every_mirror_wrong_names_each_reason_and_leaves_nothing(serve, bad, elsewhere, tmp_path):
    (tmp_path / "empty").mkdir()
    mirrors = [serve(bad)[0], serve(tmp_path / "empty")[0], NOWHERE]
    with pytest.raises(ShoalError) as raised:
        download(FILE, mirrors, elsewhere)
    text = str(raised.value)
    assert text.startswith(f"numbers could not be downloaded ({mirrors[0]}: has the wrong checksum")
    assert f"{mirrors[1]}: HTTPError (404" in text
    assert f"{NOWHERE}: ConnectionError" in text
    assert "set SHOAL_DATA" in text
    assert "\n" not in text
    assert not list(elsewhere.iterdir())


def test_a_connection_that_breaks_off(elsewhere, tmp_path):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            packed = gzip.compress(CONTENT)
            self.send_response(200)
            self.send_header("Content-Length", str(len(packed)))
            self.end_headers()
            self.wfile.write(packed[: len(packed) // 2])

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.handle_request).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    with pytest.raises(ShoalError, match=r"could not be downloaded .*IncompleteRead"):
        download(FILE, [address], elsewhere)
    server.server_close()
    assert not list(elsewhere.iterdir())


def test_an_interrupted_download_leaves_nothing(elsewhere, monkeypatch):
    def interrupt(_url, path, _name):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch, "_get", interrupt)
    with pytest.raises(KeyboardInterrupt):
        download(FILE, [NOWHERE], elsewhere)
    assert not list(elsewhere.iterdir())


def test_a_cache_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ShoalError, match=r"the cache folder .* cannot be written .*SHOAL_DATA"):
        download(FILE, [NOWHERE], tmp_path / "file" / "mnist")


def test_a_progress_bar_on_a_terminal_only(serve, good, elsewhere, monkeypatch, capsys):
    address, _ = serve(good)
    download(FILE, [address], elsewhere)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    download(FILE, [address], elsewhere)
    captured = capsys.readouterr()
    assert "numbers" in captured.err
    assert captured.out == ""


def test_mnist_is_downloaded_once_then_cached(serve, small_mnist, elsewhere, tmp_path, monkeypatch):
    small_mnist(tmp_path / "mirror")
    address, asked = serve(tmp_path / "mirror")
    monkeypatch.setattr(mnist, "MIRRORS", (NOWHERE, address))
    assert not {e.name: e for e in available()}["mnist"].at_hand
    data = load("mnist", valid=10)
    assert data.source == f"downloaded from {address}, checksums right"
    assert len(asked) == 4
    again = load("mnist", valid=10)
    assert again.source == "the user's cache, checksums right"
    assert again.fingerprint == data.fingerprint
    assert len(asked) == 4
    entry = {e.name: e for e in available()}["mnist"]
    assert entry.at_hand
    assert entry.where == str(elsewhere / "mnist")


def test_mnist_without_a_network(small_mnist, elsewhere, monkeypatch):
    monkeypatch.setattr(mnist, "MIRRORS", (NOWHERE,))
    with pytest.raises(ShoalError, match=r"train-images-idx3-ubyte could not be downloaded"):
        load("mnist")
    assert not list((elsewhere / "mnist").iterdir())


@pytest.mark.parametrize("sub", ["mnist", ""])
def test_mnist_in_shoal_data_comes_first(small_mnist, elsewhere, tmp_path, monkeypatch, sub):
    small_mnist(tmp_path / "mine" / sub)
    monkeypatch.setenv("SHOAL_DATA", str(tmp_path / "mine"))
    data = load("mnist", valid=0)
    assert data.source == "SHOAL_DATA, checksums right"
    assert (len(data.train), len(data.valid), len(data.test)) == (40, 0, 10)
    assert data.in_shape == (28, 28)
    assert data.train.x.max() <= 1
    assert np.array_equal(data.test.y, np.arange(10))


def test_a_damaged_mnist_at_hand_is_an_error_not_a_download(
    small_mnist, elsewhere, tmp_path, monkeypatch
):
    small_mnist(tmp_path / "mnist")
    path = tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-1] + b"\x05"))
    monkeypatch.setenv("SHOAL_DATA", str(tmp_path))
    with pytest.raises(ShoalError, match=r"t10k-labels-idx1-ubyte.gz has the wrong checksum"):
        load("mnist")


def test_shoal_data_that_is_no_folder(elsewhere, tmp_path, monkeypatch):
    monkeypatch.setenv("SHOAL_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(ShoalError, match=r"SHOAL_DATA=.*nowhere must be a folder"):
        load("mnist")
    assert "must be a folder" in {e.name: e for e in available()}["mnist"].where
    assert len(load("digits").train) == 1079  # needs no folder
