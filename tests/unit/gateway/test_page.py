"""The built-in page is served whole, loads nothing from elsewhere, and turns no text into markup."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest

import errand_gateway.page
from errand.v1 import event_pb2
from tests.unit.gateway.gateway_under_test import Running

WEB = Path(errand_gateway.page.__file__).parent / "web"
FILES = {path.relative_to(WEB).as_posix(): path.read_text() for path in WEB.rglob("*") if path.is_file()}
SCRIPTS = set(re.findall(r'<script src="/page/([^"]+)">', FILES["index.html"]))
MODULES = {name for name in FILES if name.endswith(".js")} - SCRIPTS
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
}


async def test_the_index_is_a_page_that_may_load_our_own_files_alone(gateway: Running) -> None:
    async with gateway.client() as client:
        answer = await client.get("/")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text == FILES["index.html"]
    assert set(answer.headers["content-security-policy"].split("; ")) == POLICY
    assert answer.headers["x-frame-options"] == "DENY"


async def test_every_file_is_served_with_its_type(gateway: Running) -> None:
    async with gateway.client() as client:
        for name in FILES.keys() - {"index.html"}:
            answer = await client.get(f"/page/{name}")
            assert (answer.status_code, answer.text) == (200, FILES[name])
            assert answer.headers["content-type"] == TYPES[PurePosixPath(name).suffix]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["content-security-policy"].startswith("default-src 'none'; base-uri")


@pytest.mark.parametrize("path", ["/", "/page/main.js"])
async def test_a_browser_that_has_a_file_is_told_so_and_asks_each_time(gateway: Running, path: str) -> None:
    async with gateway.client() as client:
        first = await client.get(path)
        tag = first.headers["etag"]
        again = await client.get(path, headers={"If-None-Match": tag})
        squeezed = await client.get(path, headers={"If-None-Match": f'"other", W/{tag}'})
        changed = await client.get(path, headers={"If-None-Match": '"other"'})

    assert {answer.headers["cache-control"] for answer in (first, again, changed)} == {"no-cache"}
    assert [(answer.status_code, bool(answer.content)) for answer in (again, squeezed, changed)] == [
        (304, False),
        (304, False),
        (200, True),
    ]
    assert again.headers["content-security-policy"] == first.headers["content-security-policy"]


async def test_files_differ_in_their_tags(gateway: Running) -> None:
    async with gateway.client() as client:
        tags = [(await client.get(f"/page/{name}")).headers["etag"] for name in FILES.keys() - {"index.html"}]

    assert len(set(tags)) == len(tags)


@pytest.mark.parametrize(
    "path", ["nothing.js", "", "index.html", "../routes.py", "%2e%2e/routes.py", "views", "//etc/passwd", "main.js/x"]
)
async def test_what_is_no_file_of_the_page_is_not_there(gateway: Running, path: str) -> None:
    async with gateway.client() as client:
        answer = await client.get(f"/page/{path}")

    assert (answer.status_code, answer.json()["reason"]) == (404, "NOT_FOUND")


def test_every_module_that_is_imported_exists_and_every_one_is_imported() -> None:
    reached, waiting = set(), ["main.js"]
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting += imported_by(name) - reached

    assert reached == MODULES


def test_every_name_that_is_imported_is_exported() -> None:
    for name in MODULES:
        for names, path in re.findall(r"import \{([^}]*)\} from \"([^\"]+)\"", FILES[name]):
            source = FILES[resolved(name, path)]
            for each in filter(None, map(str.strip, names.split(","))):
                exported = rf"^export (async )?(function|class|const) {each}\b"
                assert re.search(exported, source, re.MULTILINE), (name, each)


def test_the_index_loads_every_module_at_once() -> None:
    preloaded = re.findall(r'<link rel="modulepreload" href="/page/([^"]+)">', FILES["index.html"])

    assert sorted(preloaded) == sorted(MODULES - {"main.js"})


async def test_what_pages_load_is_there(gateway: Running) -> None:
    async with gateway.client() as client:
        refused = (await client.get("/auth/callback?state=unknown")).text
        for page in (FILES["index.html"], refused):
            loaded = re.findall(r'(?:href|src)="(/page/[^"]+)"', page)
            assert loaded
            for address in loaded:
                assert (await client.get(address)).status_code == 200, address


async def test_the_refused_page_follows_the_same_rules(gateway: Running) -> None:
    async with gateway.client() as client:
        answer = await client.get("/auth/callback?state=unknown")

    assert set(answer.headers["content-security-policy"].split("; ")) == POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert inline_of(answer.text) == []


def test_nothing_is_inline_in_the_index() -> None:
    assert inline_of(FILES["index.html"]) == []


def test_nothing_makes_markup_or_code_of_text() -> None:
    ways = (
        r"(inner|outer)HTML|insertAdjacentHTML|createContextualFragment|DOMParser|setHTML|srcdoc|document\.write",
        r"\beval\b|\bFunction\(|set(Timeout|Interval)\(\s*[\"'`]|javascript:",
        r"setAttribute\(\s*[\"'](on|style)|\bstyle:|import\(",
    )

    for name in MODULES | SCRIPTS:
        assert [found for way in ways for found in re.findall(way, FILES[name])] == [], name


def test_every_kind_of_event_is_heeded_or_knowingly_passed_over() -> None:
    heeded = set(re.findall(r'case "(\w+)":', FILES["story.js"]))

    assert {kind.name for kind in event_pb2.EventBody.DESCRIPTOR.fields} - heeded == {"sandbox_opened"}


def test_every_kind_that_is_told_quietly_has_words() -> None:
    switch = FILES["story.js"].partition("#event({")[2].partition("\n    }\n")[0]
    cases = re.findall(r'((?:case "\w+":\s+)+)(.*?)(?=case "|\Z)', switch, re.DOTALL)
    quiet = {kind for kinds, body in cases if "addQuiet(" in body for kind in re.findall(r'"(\w+)"', kinds)}
    words = set(re.findall(r"^    (\w+): ", FILES["views/quiet.js"], re.MULTILINE))

    assert quiet
    assert quiet <= words


def test_no_file_names_an_address_elsewhere() -> None:
    for name, text in FILES.items():
        addresses = set(re.findall(r"\b(?:https?|wss?)://\w[^\s\"'`<>)]*|(?<=[\"'(])//\w[\w.-]*", text))
        assert addresses <= {"http://www.w3.org/2000/svg"}, name
        assert not re.search(r"@import|url\(", text), name


def test_the_wheel_holds_the_page(tmp_path: Path) -> None:
    gateway = WEB.parents[2]
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=gateway, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")

    packed = {name.removeprefix("errand_gateway/page/web/") for name in zipfile.ZipFile(wheel).namelist()}
    assert packed >= FILES.keys()


def imported_by(name: str) -> set[str]:
    return {resolved(name, path) for path in re.findall(r"^(?:import|\}) .*?from \"([^\"]+)\";$", FILES[name], re.M)}


def resolved(name: str, path: str) -> str:
    assert path.startswith("."), f"{name} imports {path}, which is no file beside it"
    found = (WEB / name).parent.joinpath(path).resolve().relative_to(WEB).as_posix()
    assert found in MODULES, f"{name} imports {path}, which is not there"
    return found


def inline_of(page: str) -> list[str]:
    """Scripts and styles that stand in the page itself; the policy would stop them."""
    scripts = [script for script in re.findall(r"<script[^>]*>", page) if "src=" not in script]
    return scripts + re.findall(r"<style|\sstyle=|\son\w+=", page)
