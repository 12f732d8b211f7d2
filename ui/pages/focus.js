// Keeps the place of whoever uses the keyboard. Where the focused control goes away because its part of the page was
// drawn anew, the control that now stands for it is focused, else the nearest one that is left. For every page, in its head.
(() => {
  const CONTROLS = "a[href], button, input, select, textarea, summary, [tabindex='0']";
  let byKeyboard = false;
  let held = null; // the focused control, what tells it apart, and all controls in their order
  let due = false;

  const usable = (node) => node.isConnected && !node.disabled && node.getClientRects().length > 0;
  const controls = () => [...document.querySelectorAll(CONTROLS)];
  const words = (node) => [
    node.tagName, node.id, node.name, node.getAttribute("aria-label"), JSON.stringify(node.dataset), node.textContent,
  ].join("\n");

  function nearest(order, at) {
    for (let step = 1; step < order.length; step += 1) {
      for (const node of [order[at - step], order[at + step]]) if (node && usable(node)) return node;
    }
    return null;
  }

  function restore() {
    due = false;
    if (!held || document.activeElement !== document.body || usable(held.node)) return;
    const same = controls().filter((node) => usable(node) && words(node) === held.words);
    const next = same[0] || nearest(held.order, held.order.indexOf(held.node));
    if (next) next.focus({ preventScroll: true });
  }

  function check() {
    if (due || !byKeyboard || !held) return;
    due = true;
    requestAnimationFrame(() => setTimeout(restore)); // a hidden control loses its focus when the page is next drawn
  }

  function hold(node) {
    if (node.matches(CONTROLS)) held = { node, words: words(node), order: controls() };
  }

  addEventListener("keydown", () => { byKeyboard = true; hold(document.activeElement || document.body); }, true);
  addEventListener("pointerdown", () => { byKeyboard = false; held = null; }, true);
  addEventListener("focusin", ({ target }) => { if (byKeyboard) hold(target); });
  new MutationObserver(check).observe(document, {
    childList: true, subtree: true, attributes: true, attributeFilter: ["class", "disabled", "hidden", "style"],
  });
})();
