// Makes the buttons in tables work: each sends what to do with which id, after asking where it cannot be undone.
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-do]");
  if (!button || (button.dataset.confirm && !window.confirm(button.dataset.confirm))) return;
  trigger("act", { do: button.dataset.do, target: button.dataset.target });
});
