// Makes the buttons in a conversation work. What only changes the view happens here; the rest goes to the server as an
// event with ids: "act" (rate, save, edit, close, compare, place) and "generate" (example, retry). Runs as the body of a
// function with `element`, `trigger` and `watch` of the gr.HTML component.

const opened = new Set(); // sources that are open, by reply and number
const doubting = new Set(); // replies whose doubts are marked
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

function nameOf(source) {
  return `${source.closest(".tl-answer").dataset.reply} ${source.dataset.n}`;
}

function markDoubts(answer, on) {
  answer.classList.toggle("tl-doubting", on);
  answer.querySelector(".tl-doubts").hidden = !on;
  for (const doubt of answer.querySelectorAll(".tl-doubt")) doubt.title = on ? "No source says this" : "";
  answer.querySelector('[data-do="doubts"]').setAttribute("aria-pressed", String(on));
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
  else if (todo === "doubts") {
    const answer = button.closest(".tl-answer");
    const reply = answer.dataset.reply;
    if (!doubting.delete(reply)) doubting.add(reply);
    markDoubts(answer, doubting.has(reply));
  } else if (todo === "page") {
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

element.addEventListener("toggle", (event) => { // it does not bubble
  const source = event.target;
  if (!source.isConnected || !source.matches(".tl-source")) return;
  if (source.open) opened.add(nameOf(source)); else opened.delete(nameOf(source));
}, true);

watch("value", () => {
  for (const section of element.querySelectorAll(".tl-answers")) {
    const seen = answers(section)[0] && pages.get(answers(section)[0].dataset.reply);
    if (seen && seen.of === answers(section).length) turnTo(section, seen.to);
  }
  for (const answer of element.querySelectorAll(".tl-answer")) {
    if (doubting.has(answer.dataset.reply) && answer.querySelector(".tl-doubts")) markDoubts(answer, true);
  }
  for (const source of element.querySelectorAll(".tl-source")) {
    if (opened.has(nameOf(source))) source.open = true;
  }
  const place = element.querySelector(".tl-place");
  if (place) {
    place.focus({ preventScroll: true });
    place.querySelector("mark").scrollIntoView({ block: "center" });
  }
});
