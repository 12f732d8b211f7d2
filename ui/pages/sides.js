// On a phone the builder shows its form or its preview, whichever was asked for last; wider than that it shows both.
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-side]");
  if (!button) return;
  const builder = document.querySelector(".tl-builder");
  builder.classList.toggle("tl-trying", button.dataset.side === "preview");
  for (const each of element.querySelectorAll("button")) each.setAttribute("aria-pressed", String(each === button));
  builder.scrollIntoView({ block: "start" });
});
