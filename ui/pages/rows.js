// Makes the buttons in tables work: each sends what to do with which id, after asking where it cannot be undone, and
// what is chosen in a list beside it, such as the share of a trial.
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-do]");
  if (!button || (button.dataset.confirm && !window.confirm(button.dataset.confirm))) return;
  const chosen = button.parentElement.querySelector("select");
  trigger("act", { do: button.dataset.do, target: button.dataset.target, share: chosen ? chosen.value : "" });
});
