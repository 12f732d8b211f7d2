// Says what goes on while an answer is written where a screen reader reads it out: once for each state, not for each
// word. Runs as the body of a function with `element` and `watch` of the gr.HTML component.

let state = "";
watch("value", () => {
  const status = element.querySelector(".tl-status");
  const now = status ? status.textContent : "";
  if (now !== state) document.querySelector("#tl-told p").textContent = now || "Done";
  state = now;
});
