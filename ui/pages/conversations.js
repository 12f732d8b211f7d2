// Makes the panel beside a chat work; both its parts run this, as the body of a function with `element`, `trigger` and
// `watch` of the gr.HTML component. To the server go "act" (open), "leave" (delete the open conversation), "manage"
// (rename, delete another one), "export" and "more".

const side = () => document.getElementById("tl-side");
const buttons = () => [...element.querySelectorAll(".tl-title")];
let next = ""; // the conversation whose title gets the focus when the list is drawn anew
let drawnTo = 0; // how many rows there were when more were asked for
let menuOf = ""; // the conversation whose menu is open
let renaming = null; // the conversation that is being renamed, and its name so far; both outlive a list drawn anew

const rowOf = (conversation) => [...element.querySelectorAll("li")].find((row) => row.dataset.row === conversation);

function toggleMenu(open) {
  const menu = document.querySelector("#tl-side .tl-menu");
  side().classList.toggle("tl-open", open);
  menu.setAttribute("aria-expanded", String(open));
}

function rename(row, name) {
  const form = document.createElement("form");
  form.className = "tl-rename";
  form.innerHTML = '<input type="text" maxlength="120" required aria-label="New name">';
  const field = form.querySelector("input");
  field.value = name;
  renaming = { conversation: row.dataset.row, name };
  row.classList.add("tl-renaming");
  row.append(form);
  return field;
}

function endRenaming(form) {
  const row = form.closest("li");
  renaming = null;
  form.remove();
  row.classList.remove("tl-renaming");
  row.querySelector(".tl-title").focus();
}

function ask(button) {
  const dialog = document.querySelector("#tl-delete dialog");
  const { conversation } = button.dataset;
  const title = button.closest("li").querySelector(".tl-title");
  dialog.querySelector(".tl-deleting-name").textContent = title.firstChild.textContent;
  dialog.returnValue = "keep";
  dialog.addEventListener("close", () => {
    if (dialog.returnValue !== "delete") { title.focus(); return; }
    const rows = buttons();
    const at = rows.indexOf(title);
    const neighbour = rows[at + 1] || rows[at - 1];
    if (title.hasAttribute("aria-current")) trigger("leave", { do: "delete", conversation });
    else {
      next = neighbour ? neighbour.dataset.conversation : "";
      trigger("manage", { do: "delete", conversation });
    }
  }, { once: true });
  dialog.showModal();
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-do]");
  if (!button) return;
  const todo = button.dataset.do;
  button.closest("details.tl-more")?.removeAttribute("open");
  if (todo === "menu") toggleMenu(button.getAttribute("aria-expanded") === "false");
  else if (todo === "name") {
    const row = button.closest("li");
    const field = rename(row, row.querySelector(".tl-title").firstChild.textContent);
    field.focus();
    field.select();
  }
  else if (todo === "ask") ask(button);
  else if (todo === "export") trigger("export", { ...button.dataset });
  else if (todo === "more") { drawnTo = buttons().length; trigger("more"); }
  else if (todo === "open") { toggleMenu(false); trigger("act", { ...button.dataset }); }
});

element.addEventListener("submit", (event) => {
  event.preventDefault();
  const { conversation, name } = renaming;
  next = conversation;
  renaming = null;
  trigger("manage", { do: "rename", conversation, title: name });
});

element.addEventListener("input", (event) => {
  if (event.target.closest(".tl-rename")) renaming = { ...renaming, name: event.target.value };
});

element.addEventListener("keydown", (event) => {
  const { key, target } = event;
  const menu = target.closest("details[open]");
  const form = target.closest(".tl-rename");
  if (key === "Escape" && form) endRenaming(form);
  else if (key === "Escape" && menu) { menu.open = false; menu.querySelector("summary").focus(); }
  else if (key === "ArrowDown" || key === "ArrowUp") {
    const within = menu ? [...menu.querySelectorAll("summary, a, div button")] : buttons();
    const to = within[within.indexOf(target) + (key === "ArrowDown" ? 1 : -1)];
    if (within.includes(target) && to) { event.preventDefault(); to.focus(); }
  }
});

element.addEventListener("focusout", (event) => { // a menu closes behind whoever leaves it
  const menu = event.target.closest("details[open]");
  if (menu && event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
});

element.addEventListener("toggle", (event) => { // one menu at a time; the event does not bubble
  if (!event.target.isConnected) return;
  const row = event.target.closest("li");
  if (row) menuOf = event.target.open ? row.dataset.row : menuOf.replace(row.dataset.row, "");
  if (!event.target.open) return;
  for (const other of element.querySelectorAll("details[open]")) if (other !== event.target) other.open = false;
}, true);

document.addEventListener("pointerdown", (event) => {
  for (const menu of element.querySelectorAll("details[open]")) if (!menu.contains(event.target)) menu.open = false;
});

watch("value", () => {
  const wanted = drawnTo ? buttons()[drawnTo] : buttons().find((button) => button.dataset.conversation === next);
  if (wanted) { wanted.focus(); next = ""; drawnTo = 0; }
  const lost = document.activeElement === document.body;
  if (renaming && rowOf(renaming.conversation)) {
    const field = rename(rowOf(renaming.conversation), renaming.name);
    if (lost) field.focus();
  }
  const menu = menuOf && rowOf(menuOf)?.querySelector(".tl-more");
  if (menu) {
    menu.open = true;
    if (lost) menu.querySelector("summary").focus();
  }
});
