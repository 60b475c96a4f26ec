"""How the gateway serves the console: what may be kept, in which coding, and what a page may do."""

import gzip
import re

import pytest
import requests

from harness import postern

DIST = postern.ROOT / "console" / "dist"
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
          "form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
          "trusted-types svelte-trusted-html")

pytestmark = pytest.mark.skipif(not (DIST / "index.html.gz").exists(), reason="needs npm, to build the console")


def get(ring, path, method="GET", **headers):
    """The answer, with its body as it came: nothing takes the gzip away."""
    with requests.Session() as session:
        session.headers.clear()
        answer = session.request(method, f"http://127.0.0.1:{ring.admin_port}{path}", stream=True, timeout=30 * postern.SLOW,
                                 headers={name.replace("_", "-"): value for name, value in headers.items()})
        return answer, answer.raw.read(decode_content=False)


def files():
    return {"/" + str(path.relative_to(DIST)).removesuffix(".gz").replace("index.html", ""): path.read_bytes()
            for path in DIST.rglob("*.gz")}


def test_every_file_is_sent_as_it_was_built_and_may_do_nothing_elsewhere(ring):
    for path, built in files().items():
        answer, body = get(ring, path, Accept_Encoding="br, gzip;q=0.5")
        assert (answer.status_code, answer.headers["Content-Encoding"]) == (200, "gzip") and body == built
        assert answer.headers["Content-Security-Policy"] == POLICY
        for name, value in {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Vary": "Accept-Encoding",
                            "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin"}.items():
            assert answer.headers[name] == value
        kept = "no-cache" if path == "/" else "public, max-age=31536000, immutable"
        assert answer.headers["Cache-Control"] == kept
    page = gzip.decompress(files()["/"]).decode()
    assert not re.search(r"https?://|style=|onclick=|<script>", page)


@pytest.mark.parametrize("accepts", [None, "identity", "gzip;q=0", "gzip; q=0.000, br", "gzipped", ""])
def test_who_takes_no_gzip_gets_it_inflated(ring, accepts):
    path, built = max(files().items(), key=lambda file: len(file[1]))
    answer, body = get(ring, path, **({} if accepts is None else {"Accept_Encoding": accepts}))
    assert answer.status_code == 200 and "Content-Encoding" not in answer.headers
    assert body == gzip.decompress(built)
    assert answer.headers["ETag"] != get(ring, path, Accept_Encoding="gzip")[0].headers["ETag"]


def test_who_has_a_file_is_told_so_without_it(ring):
    for path in files():
        tag = get(ring, path, Accept_Encoding="gzip")[0].headers["ETag"]
        assert re.fullmatch(r'"[0-9a-f]{32}"', tag)
        for known in (tag, f'W/{tag}, "another"', f'"a" ,{tag}', "*"):
            answer, body = get(ring, path, Accept_Encoding="gzip", If_None_Match=known)
            assert (answer.status_code, body) == (304, b"") and answer.headers["ETag"] == tag
            assert "Content-Length" not in answer.headers and "Cache-Control" in answer.headers
        assert get(ring, path, Accept_Encoding="gzip", If_None_Match='"another"')[0].status_code == 200
        # What is inflated is another representation.
        assert get(ring, path, If_None_Match=tag)[0].status_code == 200


def test_a_head_says_what_a_get_would(ring):
    for path, built in files().items():
        answer, body = get(ring, path, "HEAD", Accept_Encoding="gzip")
        assert (answer.status_code, body, int(answer.headers["Content-Length"])) == (200, b"", len(built))


@pytest.mark.parametrize("path", ["/assets/index-00000000.js", "/assets/", "/assets/../", "/index.html", "/tokens", "/.stamp"])
def test_what_is_not_there_is_never_the_page(ring, path):
    connection = requests.Request("GET", f"http://127.0.0.1:{ring.admin_port}").prepare()
    connection.url = f"http://127.0.0.1:{ring.admin_port}{path}"
    with requests.Session() as session:
        answer = session.send(connection, timeout=30 * postern.SLOW)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_the_public_listener_has_none_of_it(ring):
    for path in files():
        assert requests.get(f"http://127.0.0.1:{ring.port}{path}", timeout=30 * postern.SLOW).status_code == 404


def test_posternctl_tells_that_it_is_in(ring):
    assert ring.ctl("version")["console"] is True
