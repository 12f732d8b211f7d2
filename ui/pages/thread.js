// Makes the buttons in a conversation work. What only changes the view happens here; the rest goes to the server as an
// event with ids: "act" (rate, save, edit, close, compare) and "generate" (example, retry). Runs as the body of a
// function with `element`, `trigger` and `watch` of the gr.HTML component.

const pages = new Map(); // which answer of a group is looked at, by the id of the group's first answer

const group = (node) => node.closest(".tl-answers");
const answers = (section) => [...section.querySelectorAll(":scope > .tl-answer")];

function turnTo(section, n) {
  section.classList.remove("tl-pair");
  answers(section).forEach((answer, index) => { answer.hidden = index + 1 !== n; });
}

function openSource(button) {
  const source = button.closest(".tl-answer").querySelector(`.tl-source[data-n="${button.dataset.n}"]`);
  if (!source) return;
  source.open = true;
  source.querySelector("summary").focus();
  source.scrollIntoView({ block: "nearest", behavior: "smooth" });
}

async function copy(button) {
  await navigator.clipboard.writeText(button.closest(".tl-answer").querySelector(".tl-text").innerText.trim());
  button.querySelector("span").textContent = "Copied";
}

function filled(form) {
  const data = new FormData(form);
  return {
    do: "save",
    reply: form.dataset.reply,
    value: form.dataset.value,
    reasons: data.getAll("reason"),
    comment: data.get("comment"),
    correction: data.get("correction"),
  };
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-do]");
  if (!button) return;
  const todo = button.dataset.do;
  if (todo === "source") openSource(button);
  else if (todo === "copy") copy(button).catch(() => { button.querySelector("span").textContent = "Not allowed here"; });
  else if (todo === "page") {
    const section = group(button);
    const to = Number(button.dataset.to);
    turnTo(section, to);
    pages.set(answers(section)[0].dataset.reply, { to, of: answers(section).length });
    answers(section)[to - 1].querySelector(".tl-pager button:not(:disabled)").focus();
  } else if (todo === "save") trigger("act", filled(button.closest("form")));
  else if (todo === "example" || todo === "retry") trigger("generate", { ...button.dataset });
  else {
    if (todo === "rate") button.setAttribute("aria-pressed", String(button.dataset.value !== "none"));
    trigger("act", { ...button.dataset });
  }
});

element.addEventListener("submit", (event) => {
  event.preventDefault();
  trigger("act", filled(event.target));
});

watch("value", () => {
  for (const section of element.querySelectorAll(".tl-answers")) {
    const seen = answers(section)[0] && pages.get(answers(section)[0].dataset.reply);
    if (seen && seen.of === answers(section).length) turnTo(section, seen.to);
  }
});
