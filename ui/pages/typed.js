// Tells the server that somebody typed in the form around this element, once they pause: Gradio's own events tell either
// too little (`input` passes over what is deleted or pasted) or too much (`change` comes for each value that is loaded).
let waiting;
element.closest(".tl-fields").addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => trigger("act", {}), 120);
});
