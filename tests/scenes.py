"""Every page as somebody sees it, in the states worth a look: for axe, for pictures and for timings.

Whoever adds a page adds its scene; `tests/test_browser_axe.py` asks for one of every page of the app.
"""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.furnished import Furnished
from tests.serving import ADMIN_PASSWORD, AppServer

DESKTOP, PHONE = 1440, 390
HEIGHTS = {DESKTOP: 900, PHONE: 844}
SCHEMES = ("light", "dark")
STILL = "*, *::before, *::after { transition: none !important; animation: none !important; caret-color: transparent; }"

DRAWN = ".vega-embed svg, .vega-embed canvas"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A page in one state. `address` may name a conversation of the furnished app in braces."""

    name: str
    address: str
    filled: str
    """What is there when the page shows what it has to show."""
    admin: bool = True
    """Whether the admin looks at it; else it is a guest who just came."""
    arrange: Callable[[Page], None] | None = None
    """What the person does then."""
    reply: str = ""
    """What the assistant says then."""
    whole: bool = True
    """Whether a picture shows all of the page; else what fits into the window."""

    @property
    def route(self) -> str:
        """Which page it is."""
        return self.address.partition("?")[0]


def _open_the_form(page: Page) -> None:
    page.get_by_role("button", name="Change").last.click()
    expect(page.locator(".tl-form")).to_be_visible()


def _edit_a_question(page: Page) -> None:
    page.get_by_role("button", name="Edit this question").last.click()
    expect(page.locator(".tl-reword")).to_be_visible()


def _search_conversations(page: Page) -> None:
    menu = page.locator("#tl-side .tl-menu")
    if menu.is_visible():
        menu.click()
    page.get_by_label("Search your conversations").fill("euros")
    expect(page.locator(".tl-hit").first).to_be_visible()
    page.locator("#tl-listing summary").first.click()
    expect(page.locator("#tl-listing").get_by_role("button", name="Delete")).to_be_visible()


def _delete_a_conversation(page: Page) -> None:
    _search_conversations(page)
    page.locator("#tl-listing").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def _open_a_source(page: Page) -> None:
    page.locator("#tl-thread .tl-source summary").first.click()
    page.get_by_role("button", name="Show in the document").first.click()
    expect(page.locator("#tl-thread mark").first).to_be_visible()


def _take_back(page: Page) -> None:
    page.locator(".tl-card summary").last.click()
    page.get_by_role("button", name="Take back").last.click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()


def _ask_to_delete(page: Page) -> None:
    page.get_by_role("button", name="Delete everything").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def _ask_the_documents(page: Page) -> None:
    page.get_by_placeholder("Type a question").fill("What does a late power tool cost?")
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".tl-found")).to_be_visible()


def _open_a_document(page: Page) -> None:
    page.locator(".tl-open").first.click()
    expect(page.locator(".tl-passages li").first).to_be_visible()


def _read_a_report(page: Page) -> None:
    page.get_by_role("button", name="Report").last.click()
    expect(page.locator(".tl-verdict")).to_be_visible()


def _try_it_out(page: Page) -> None:
    turn = page.get_by_role("button", name="Try it")
    if turn.is_visible():
        turn.click()
    page.get_by_placeholder("Ask it something").fill("What does a late power tool cost?")
    page.get_by_placeholder("Ask it something").press("Enter")
    expect(page.locator(".tl-tried .tl-sources")).to_be_visible()
    if not turn.is_visible():
        page.get_by_role("button", name="Advanced").click()


def _leave_out_the_name(page: Page) -> None:
    name = page.get_by_label("Name", exact=True)
    expect(name).not_to_have_value("")  # filled in a moment after it is shown
    name.fill("")
    expect(page.locator(".tl-problem").first).to_be_visible()


def _be_refused(page: Page) -> None:
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()


SCENES = (
    Scene(name="welcome", address="/", filled=".tl-example", admin=False, whole=False),
    Scene(name="chat", address="/?c={talk}", filled="#tl-thread .tl-tools", whole=False),
    Scene(name="source", address="/?c={talk}", filled="#tl-thread .tl-tools", arrange=_open_a_source, whole=False),
    Scene(name="rating", address="/?c={talk}", filled="#tl-thread .tl-tools", arrange=_open_the_form, whole=False),
    Scene(name="edit", address="/?c={talk}", filled="#tl-thread .tl-tools", arrange=_edit_a_question, whole=False),
    Scene(
        name="search", address="/?c={talk}", filled="#tl-thread .tl-tools", arrange=_search_conversations, whole=False
    ),
    Scene(
        name="delete-conversation",
        address="/?c={talk}",
        filled="#tl-thread .tl-tools",
        arrange=_delete_a_conversation,
        whole=False,
    ),
    Scene(name="compare", address="/?c={undecided}", filled=".tl-choice", whole=False),
    Scene(name="mine", address="/mine", filled=".tl-card", arrange=_take_back),
    Scene(name="my-conversations", address="/mine?show=conversations", filled=".tl-mine .tl-table"),
    Scene(name="kept", address="/mine?show=kept", filled=".tl-facts"),
    Scene(name="delete", address="/mine?show=kept", filled=".tl-facts", arrange=_ask_to_delete, whole=False),
    Scene(name="nothing-said", address="/mine", filled=".tl-nothing h2", admin=False, whole=False),
    Scene(name="documents", address="/documents", filled=".tl-page .tl-table", arrange=_ask_the_documents),
    Scene(name="document", address="/documents", filled=".tl-page .tl-table", arrange=_open_a_document),
    Scene(name="share", address="/share", filled=".tl-snippet"),
    Scene(name="embed", address="/embed?a=default", filled=".tl-example", admin=False, whole=False),
    Scene(name="feedback", address="/feedback", filled=".tl-page .tl-replies"),
    Scene(name="retrain", address="/retrain", filled=DRAWN),
    Scene(name="report", address="/retrain", filled=DRAWN, arrange=_read_a_report),
    Scene(name="assistants", address="/assistant", filled=".tl-persona h3"),
    Scene(
        name="assistant",
        address="/assistant?a=default",
        filled=".tl-fields textarea",
        reply="Each day late costs three euros for a power tool [1].",
        arrange=_try_it_out,
    ),
    Scene(
        name="new-assistant", address="/assistant?new=tutor", filled=".tl-fields textarea", arrange=_leave_out_the_name
    ),
    Scene(name="admins-only", address="/feedback", filled=".tl-empty h2", admin=False),
    Scene(name="login", address="/login", filled="form", admin=False, whole=False),
    Scene(name="refused", address="/login", filled="form", admin=False, arrange=_be_refused, whole=False),
)


def visitor(app: AppServer, browser: Browser, *, admin: bool) -> BrowserContext:
    """A fresh browser of the admin, signed in, or of a guest. Close it after use."""
    context = browser.new_context(base_url=app.url)
    if admin:
        form = {"username": "admin", "password": ADMIN_PASSWORD}
        assert context.request.post("/login", form=form).ok
    return context


def enter(page: Page, scene: Scene, held: Furnished) -> None:
    """Open a scene's page and bring it into its state, without anything that moves."""
    if scene.reply:
        held.engine.enqueue(scene.reply)
    page.emulate_media(reduced_motion="reduce")
    page.goto(scene.address.format(talk=held.talk, undecided=held.undecided))
    page.add_style_tag(content=STILL)
    page.locator(scene.filled).locator("visible=true").last.wait_for()
    if scene.arrange is not None:
        scene.arrange(page)
        page.add_style_tag(content=STILL)  # in case that this opened another page


def look(page: Page, *, width: int, scheme: str) -> None:
    """See the page in a window of that width, light or dark, once it is drawn so."""
    page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
