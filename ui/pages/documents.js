// Makes the buttons of the documents page work, in the list, in an open document and in what a question found. Each
// sends an event with ids; "replace" first uploads the file that is chosen. Runs as the body of a function with
// `element`, `trigger`, `upload` and `watch` of the gr.HTML component.

const chooser = document.createElement("input");
chooser.type = "file";
let replacing = null; // the button that the chosen file is for
let listed = "0"; // the page of the list that was last looked at

function send(button, more = {}) {
  const page = button.dataset.page ?? (button.dataset.do === "open" ? "0" : listed);
  trigger("act", { ...button.dataset, page, ...more });
}

chooser.addEventListener("change", async () => {
  const [file] = chooser.files;
  chooser.value = "";
  if (!file || !replacing) return;
  replacing.disabled = true;
  replacing.textContent = "Reading";
  try {
    const { path } = await upload(file);
    send(replacing, { path, name: file.name });
  } catch {
    replacing.disabled = false;
    replacing.textContent = "Upload failed: again";
  }
});

element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-do]");
  if (!button || (button.dataset.confirm && !window.confirm(button.dataset.confirm))) return;
  if (button.dataset.do === "ask") document.querySelector("#tl-ask input").select();
  else if (button.dataset.do === "replace") {
    replacing = button;
    chooser.click();
  } else send(button);
});

watch("value", () => {
  listed = element.querySelector("div[data-page]")?.dataset.page ?? listed;
  const place = element.querySelector(".tl-marked") ?? element.querySelector(".tl-reader");
  place?.scrollIntoView({ block: "start" });
  element.querySelector(".tl-reader h2")?.focus({ preventScroll: true });
});
