// Makes the buttons in the preview work: a citation opens its source here, an example is asked on the server.
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-do]");
  if (!button) return;
  if (button.dataset.do === "example") trigger("act", { n: button.dataset.n });
  else if (button.dataset.do === "source") {
    const source = button.closest(".tl-answer").querySelector(`.tl-source[data-n="${button.dataset.n}"]`);
    if (source) { source.open = true; source.scrollIntoView({ block: "nearest" }); }
  }
});
