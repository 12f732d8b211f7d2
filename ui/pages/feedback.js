// Makes the links and forms of the feedback page work without loading it anew: each link is a real address of the page,
// and a click, the back button and a form each send an event "act". Runs as the body of a function with `element`,
// `trigger` and `watch` of the gr.HTML component.

element.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-go]");
  if (link) {
    if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    window.history.pushState({ look: true }, "", location.pathname + link.search);
    trigger("act", { do: "go", to: link.search });
    return;
  }
  const button = event.target.closest("button[data-do]");
  if (button) trigger("act", { ...button.dataset });
});

element.addEventListener("submit", (event) => {
  event.preventDefault();
  trigger("act", { ...event.target.dataset, ...Object.fromEntries(new FormData(event.target)) });
});

if (element.closest("#tl-answers")) window.addEventListener("popstate", () => {
  trigger("act", { do: "go", to: location.search });
});

function look() {
  window.history.replaceState({}, "");
  const heading = element.querySelector("h1");
  if (heading) {
    window.scrollTo(0, 0);
    heading.focus({ preventScroll: true });
  } else document.getElementById("tl-answers-of").scrollIntoView({ block: "start" });
}

function arrive() { // what a click led to comes into view, once its part of the page is shown
  if (!window.history.state?.look || !(element.closest("#tl-answers") || element.querySelector("h1"))) return;
  new ResizeObserver((_, shown) => {
    if (!element.offsetParent) return;
    shown.disconnect();
    look();
  }).observe(element);
}

watch("value", arrive);
arrive(); // a part that was hidden until now is made with its value
