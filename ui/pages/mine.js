// Makes the buttons on the page of one's own work: each sends what to do with which id. Those that delete ask first, in a
// dialog of the page's where there is much to say. Runs as the body of a function with `element` and `trigger`.
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-do]");
  if (!button) return;
  const { do: todo, target, confirm } = button.dataset;
  if (todo === "ask") element.querySelector(`dialog[data-name="${target}"]`).showModal();
  else if (todo === "keep") button.closest("dialog").close();
  else if (todo === "download") trigger("download", {});
  else if (!confirm || window.confirm(confirm)) {
    if (button.closest("dialog")) button.closest("dialog").close();
    trigger("act", { do: todo, target });
  }
});
