// Copies the text beside a button. Where the browser does not let a page copy, the text is selected instead.
element.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-do=copy]");
  if (!button) return;
  const text = button.closest(".tl-snippet").querySelector("code");
  try {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = "Copied";
  } catch {
    window.getSelection().selectAllChildren(text);
    button.textContent = "Selected: now copy";
  }
});
