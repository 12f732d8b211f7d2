// Makes the buttons of the versions work: each sends what to do with which id, and the share that is chosen beside it.
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-do]");
  if (!button || (button.dataset.confirm && !window.confirm(button.dataset.confirm))) return;
  const share = button.parentElement.querySelector("select");
  trigger("act", { do: button.dataset.do, target: button.dataset.target, share: share ? share.value : "" });
});
