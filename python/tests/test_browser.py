"""A real browser logs in to Django's admin, through the command."""

import os

import pytest
from browser import CHROMIUM, Chromium
from test_examples import FILE, Browser, django  # noqa: F401 (a fixture)

pytestmark = pytest.mark.skipif(not CHROMIUM and not os.environ.get("CI"), reason="there is no chromium")


def test_a_browser_keeps_a_note(django, tmp_path):  # noqa: F811
    base = Browser(django).base
    file = tmp_path / "upload.bin"
    file.write_bytes(FILE)
    with Chromium() as page:
        page.open(f"{base}/admin/")
        assert page.run("document.title").startswith("Log in")
        page.run("document.querySelector('#id_username').value = 'ada'")
        page.run("document.querySelector('#id_password').value = 'secret'")
        page.submits("document.querySelector('#login-form').submit()")
        assert page.run("document.querySelector('h1').textContent") == "Site administration"
        page.open(f"{base}/admin/notes/note/add/")
        page.run("document.querySelector('#id_title').value = 'By a browser'")
        page.choose("#id_file", file)
        page.submits("document.querySelector('#note_form [name=_continue]').click()")
        assert "was added successfully" in page.run("document.querySelector('.messagelist').textContent")
        # It has applied the style sheet that it was sent.
        assert page.run("getComputedStyle(document.querySelector('#header')).display") == "flex"
        link = page.run("document.querySelector('.file-upload a').href")
        page.screenshot(tmp_path / "admin.png")
        answers = page.answers()
        assert len({url for _, url in answers if "/static/" in url}) > 10
        others = [answer for answer in answers if answer[0] != 200 and not answer[1].endswith("/favicon.ico")]
        assert not others
    assert Browser(django).get(link.removeprefix(base)) == FILE
