"""The report: pages that open offline, in which no text of the data ever runs."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest

from influence_warehouse.lake.layout import Home
from influence_warehouse.reports.report import POLICY, write_report
from tests.synthetic import CELL

pytestmark = pytest.mark.slow

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    '"><img src=x onerror=alert(3)>',
    "' onmouseover='alert(4)",
    "javascript:alert(5)",
    "{{ 7 * 7 }}{% raw %}",
    "<!--<script>",
    "\u2028\u2029</table>",
    "\u202eright to left\u200b",
)
# Ours, and data that no browser runs.
_SCRIPTS = {("vega.js", None), ("report.js", None), (None, "application/json")}


class Page(HTMLParser):
    """Elements, ids and links of a page, and the texts of its cells and chart data."""

    def __init__(self, path: Path):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.ids: set[str] = set()
        self.cells: list[str] = []
        self.specs: list[dict] = []
        self._inside: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.elements.append((tag, found))
        self.ids |= {found["id"]} if found.get("id") else set()
        if tag == "td":
            self.cells.append("")
        if tag in ("td", "script"):
            self._inside.append(tag)

    def handle_endtag(self, tag):
        if self._inside and tag == self._inside[-1]:
            self._inside.pop()

    def handle_data(self, data):
        if self._inside and self._inside[-1] == "td":
            self.cells[-1] += data
        elif self._inside and data.strip():
            self.specs.append(json.loads(data))


def _pages(home: Home) -> dict[str, Page]:
    return {path.name: Page(path) for path in sorted(home.report.glob("*.html"))}


@pytest.fixture(scope="module")
def hostile_home(truth, tmp_path_factory) -> Home:
    """A published study whose excerpts, terms and names are attacks, and its report."""
    world = truth.world
    home = Home(tmp_path_factory.mktemp("hostile"), world.home.study)
    shutil.copytree(world.home.path, home.path)
    home.database.chmod(0o644)
    with duckdb.connect(str(home.database)) as connection:
        for number, text in enumerate(HOSTILE):
            for mart, column in (("top_documents", "excerpt"), ("distinctive_terms", "term")):
                connection.execute(
                    f"update marts.{mart} set {column} = ? || {column} "
                    f"where hash(rowid) % {len(HOSTILE)} = {number}",
                    [text],
                )
        connection.execute(
            "update marts.bin_influence set topic = ? where topic = 'health'", [HOSTILE[0]]
        )
    write_report(home, world.study, "demo")
    return home


def test_no_text_of_the_data_becomes_markup(hostile_home):
    for name, page in _pages(hostile_home).items():
        for tag, attributes in page.elements:
            assert tag not in {"img", "iframe", "object", "embed", "base", "style"}, (name, tag)
            assert not [key for key in attributes if key.startswith("on") or key == "style"]
            if tag == "script":
                assert (attributes.get("src"), attributes.get("type")) in _SCRIPTS, (name, page)
            for key in ("href", "src"):
                target = attributes.get(key) or ""
                assert re.fullmatch(r"[\w./-]*(#[\w.|+-]+)?", target), (name, target)


def test_the_attacks_are_shown_as_the_text_they_are(hostile_home):
    pages = _pages(hostile_home)
    cells = "\n".join(cell for page in pages.values() for cell in page.cells)
    drawn = json.dumps([page.specs for page in pages.values()])
    assert sum(text in cells for text in HOSTILE) >= len(HOSTILE) - 2
    assert any(json.dumps(text)[1:-1] in drawn for text in HOSTILE)


def test_every_page_forbids_what_is_not_its_own(hostile_home):
    assert "'none'" in POLICY
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
    for name, page in _pages(hostile_home).items():
        metas = [a for tag, a in page.elements if tag == "meta" and "http-equiv" in a]
        assert [meta["content"] for meta in metas] == [POLICY], name
        # The policy holds for what comes after it.
        tags = [tag for tag, _ in page.elements]
        assert tags.index("meta") < min(tags.index("link"), tags.index("body"))


def test_every_link_leads_somewhere(hostile_home):
    pages = _pages(hostile_home)
    for name, page in pages.items():
        for _, attributes in page.elements:
            target = attributes.get("href") or attributes.get("src")
            if target is None:
                continue
            file, _, anchor = target.partition("#")
            assert (hostile_home.report / (file or name)).is_file(), (name, target)
            if anchor:
                assert anchor in pages[file or name].ids, (name, target)


def test_headings_captions_and_labels_are_there(hostile_home):
    for name, page in _pages(hostile_home).items():
        tags = [tag for tag, _ in page.elements]
        assert tags.count("h1") == 1, name
        assert tags.count("caption") == tags.count("table"), name
        ids = [a["id"] for _, a in page.elements if "id" in a]
        assert len(ids) == len(set(ids)), name
        labels = {a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a}
        assert labels <= set(ids), name


def test_each_table_says_its_facts_with_their_digests(hostile_home, truth):
    text = (hostile_home.report / "support.html").read_text(encoding="utf-8")
    for fact in ("bin_item_scores", "region_inference"):
        assert f'href="provenance.html#{fact}"' in text
        assert truth.world.lake.require(fact, CELL).digest in text
    assert "influence query topic_support --study demo" in text


def test_equal_tables_give_equal_bytes_and_a_failure_leaves_the_report(
    hostile_home, truth, monkeypatch
):
    def contents() -> dict[str, bytes]:
        files = [path for path in hostile_home.report.rglob("*") if path.is_file()]
        return {str(path): path.read_bytes() for path in files}

    before = contents()
    write_report(hostile_home, truth.world.study, "demo")
    assert contents() == before

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("influence_warehouse.reports.report._write_assets", full)
    with pytest.raises(Exception, match="No space left"):
        write_report(hostile_home, truth.world.study, "demo")
    assert contents() == before
    assert not list(hostile_home.path.glob(".report*"))
