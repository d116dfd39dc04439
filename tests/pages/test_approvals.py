"""The pages of approvals: a link without an account, the inbox, and what every page owes its readers."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from conftest import PATIENCE_S, Server
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

FORM = {
    "type": "object",
    "required": ["budget", "channel"],
    "properties": {
        "budget": {"type": "integer", "title": "Budget", "description": "In euros.", "minimum": 1, "maximum": 5000},
        "channel": {"title": "Where", "enum": ["Blog", "Press", "Nowhere"]},
        "embargo": {"type": "boolean", "title": "Hold it back until Monday"},
        "note": {"type": "string", "title": "Note to the writer", "maxLength": 2000},
        "share": {"type": "number", "title": "Share"},
    },
}


def asked(server: Server, **more: Any) -> dict[str, Any]:
    request = {
        "title": "Publish the report on tidal power?",
        "summary": "The analysis is done. Three sources agree.\n\nOne gap is left: prices after 2031.",
        "details": {"confidence": 0.82, "sources": ["IEA 2025", "Ocean Energy Europe"], "gaps": {"prices": "after 2031"}},
        "artifacts": [{"title": "Analysis (PDF)", "url": "https://example.org/analysis.pdf"}],
        "approvers": ["ann@example.org", "bob", "group:board"],
        "requester": "research workflow",
        **more,
    }
    return server.ask(**request)


def text_of(browser: Chrome) -> str:
    return browser.find_element(By.TAG_NAME, "main").text


def press(browser: Chrome, value: str) -> None:
    """Presses a button and waits for the page that answers."""
    before = browser.find_element(By.TAG_NAME, "html")
    browser.find_element(By.CSS_SELECTOR, f"button[value={value}]").click()
    WebDriverWait(browser, PATIENCE_S).until(lambda _: is_gone(before))


def is_gone(element: Any) -> bool:
    try:
        element.tag_name
    except Exception:  # noqa: BLE001: whatever the driver calls it, the old page is not there any more
        return True
    return False


def test_somebody_without_an_account_decides_by_a_link_without_scripts(server: Server, plain: Chrome) -> None:
    approval = asked(server, form=FORM)
    link = server.link(approval, "ann@example.org")
    plain.get(link)
    shown = text_of(plain)
    for part in ("Publish the report on tidal power?", "prices after 2031", "research workflow", "left", approval["digest"]):
        assert part in shown, part
    assert server.shown(approval)["votes"] == [], "looking changes nothing"

    # A value that the browser takes and the schema does not: said beside the form, with what was written kept.
    plain.find_element(By.ID, "field.budget").send_keys("12")
    Select(plain.find_element(By.ID, "field.channel")).select_by_visible_text("Press")
    plain.find_element(By.ID, "field.embargo").click()
    plain.find_element(By.ID, "field.note").send_keys("Mention the gap.")
    plain.find_element(By.ID, "comment").send_keys("Well done.")
    press(plain, "approve")
    assert "You have approved it." in text_of(plain)
    result = server.shown(approval)["result"]
    assert result["form"] == {"budget": 12, "channel": "Press", "embargo": True, "note": "Mention the gap."}
    assert (result["approved_by"], result["feedback"], result["decisions"][0]["via"]) == ("ann@example.org", "Well done.", "link")
    plain.get(link)
    assert "E0224" in text_of(plain)


def test_what_does_not_fit_is_said_and_what_was_written_is_kept(server: Server, plain: Chrome) -> None:
    form = {"type": "object", "required": ["code"], "properties": {"code": {"type": "string", "pattern": "^[A-Z]{3}$"}}}
    approval = asked(server, form=form)
    plain.get(server.link(approval, "bob"))
    plain.find_element(By.ID, "field.code").send_keys("abc")
    plain.find_element(By.ID, "comment").send_keys("typed once")
    press(plain, "approve")
    alert = plain.find_element(By.CSS_SELECTOR, "[role=alert]").text
    assert "/code" in alert
    assert plain.find_element(By.ID, "field.code").get_attribute("value") == "abc"
    assert plain.find_element(By.ID, "comment").get_attribute("value") == "typed once"
    # Rejecting needs no form.
    press(plain, "reject")
    assert "You have rejected it." in text_of(plain)
    assert server.shown(approval)["result"]["reason"] == "typed once"


def sign_in(server: Server, browser: Chrome, name: str, groups: str = "") -> None:
    browser.get(f"{server.url}/approvals/inbox")
    if "sign-in" not in browser.current_url:
        browser.delete_all_cookies()
        browser.get(f"{server.url}/approvals/inbox")
    browser.find_element(By.ID, "name").send_keys(name)
    browser.find_element(By.ID, "groups").send_keys(groups)
    browser.find_element(By.ID, "groups").send_keys(Keys.ENTER)
    WebDriverWait(browser, PATIENCE_S).until(lambda _: browser.current_url.endswith("/approvals/inbox"))


def test_the_inbox_leads_to_what_waits_for_a_name_and_its_groups(server: Server, plain: Chrome) -> None:
    first = asked(server, title="For the board alone", approvers=["group:board2"], quorum=1)
    asked(server, title="For somebody else", approvers=["zoe"])
    sign_in(server, plain, "mia", "board2, tea")
    assert "For the board alone" in text_of(plain)
    assert "For somebody else" not in text_of(plain)
    plain.find_element(By.PARTIAL_LINK_TEXT, "For the board alone").click()
    plain.find_element(By.CSS_SELECTOR, "details.card summary").click()
    plain.find_element(By.ID, "text").send_keys("Which board?")
    press(plain, "ask")
    assert "Which board?" in text_of(plain)
    plain.find_element(By.ID, "comment").send_keys("Make it shorter.")
    press(plain, "request_changes")
    assert "Changes were requested by mia" in text_of(plain)
    shown = server.shown(first)
    assert (shown["status"], shown["result"]["feedback"], shown["votes"][0]["via"]) == ("CHANGES_REQUESTED", "Make it shorter.", "page")
    plain.get(f"{server.url}/approvals/inbox")
    assert "Nothing waits for you." in text_of(plain)


def test_a_place_is_handed_on(server: Server, plain: Chrome) -> None:
    approval = asked(server, approvers=["noa"])
    sign_in(server, plain, "noa")
    plain.get(approval["url"])
    plain.find_elements(By.CSS_SELECTOR, "details.card summary")[1].click()
    plain.find_element(By.ID, "to").send_keys("ida")
    press(plain, "delegate")
    assert "You are not among those who are asked." in text_of(plain)
    assert server.shown(approval)["approvers"] == [{"user": "ida", "from": {"user": "noa"}}]


HOSTILE = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>\"'"


def test_nothing_that_comes_from_outside_runs(server: Server, browser: Chrome) -> None:
    form = {"type": "object", "properties": {HOSTILE: {"title": HOSTILE, "description": HOSTILE, "enum": [HOSTILE]}}}
    artifacts = [{"title": HOSTILE, "url": "javascript:document.title='owned'"}]
    approval = asked(server, title=HOSTILE, summary=HOSTILE, details={HOSTILE: HOSTILE}, requester="x", form=form, artifacts=artifacts)
    requests.post(
        f"{server.url}/approvals/{approval['id']}/comments", json={"by": HOSTILE[:100], "text": HOSTILE}, timeout=PATIENCE_S
    ).raise_for_status()
    browser.get(server.link(approval, "bob"))
    assert "owned" not in browser.title.split("<")[0] and browser.title != "owned"
    assert HOSTILE.split("<script>")[0] in text_of(browser)
    assert browser.find_elements(By.CSS_SELECTOR, "main img, main script, a[href^=javascript]") == []


CONTRAST = """
const luminance = rgb => {
  const [r, g, b] = rgb.map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const numbers = text => text.match(/[\\d.]+/g).map(Number);
const ground = element => {
  for (let at = element; at; at = at.parentElement) {
    const [r, g, b, a = 1] = numbers(getComputedStyle(at).backgroundColor);
    if (a > 0.99) return [r, g, b];
  }
  return [255, 255, 255];
};
const weak = [];
for (const element of document.querySelectorAll('body *')) {
  const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
  const box = element.getBoundingClientRect();
  if (!own || box.width === 0 || box.left < 0) continue;
  const [light, dark] = [luminance(numbers(getComputedStyle(element).color).slice(0, 3)), luminance(ground(element))].sort((a, b) => b - a);
  const ratio = (light + 0.05) / (dark + 0.05);
  if (ratio < 4.5) weak.push(`${element.tagName}.${element.className} ${ratio.toFixed(2)}: ${element.textContent.trim().slice(0, 30)}`);
}
return weak;
"""

UNLABELLED = """
return [...document.querySelectorAll('input:not([type=hidden]), select, textarea')]
  .filter(field => !field.labels || field.labels.length === 0).map(field => field.outerHTML);
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_are_readable_labelled_and_reached_by_keys(server: Server, browser: Chrome, scheme: str, width: int) -> None:
    emulated = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", emulated)
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    approval = asked(server, form=FORM, quorum=2)
    decide = {"by": "bob", "decision": "approve", "digest": approval["digest"], "form": {"budget": 1, "channel": "Blog"}}
    requests.post(f"{server.url}/approvals/{approval['id']}/decide", json=decide, timeout=PATIENCE_S).raise_for_status()
    sign_in(server, browser, "ann@example.org")
    addresses = [f"{server.url}/approvals/inbox", approval["url"], f"{server.url}/approvals/sign-in", f"{server.url}/approvals/link/none"]
    for address in addresses:
        browser.get(address)
        assert browser.execute_script(CONTRAST) == [], address
        assert browser.execute_script(UNLABELLED) == [], address
        assert browser.execute_script("return document.documentElement.lang") == "en"
        assert len(browser.find_elements(By.TAG_NAME, "h1")) == 1, address
        wide = browser.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{address} has to be scrolled sideways by {wide} px"
        browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
        focused = browser.execute_script("return [document.activeElement.className, getComputedStyle(document.activeElement).outlineStyle]")
        assert focused == ["skip", "solid"], address
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE" and "404" not in entry["message"]] == []
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
