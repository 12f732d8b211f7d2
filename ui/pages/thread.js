// Makes the buttons in a conversation work. What only changes the view happens here; the rest goes to the server as an
// event with ids: "act" (rate, reasons, save, edit, close, compare, turn, place) and "generate" (example, retry, reword).
// Runs as the body of a function with `element`, `trigger` and `watch` of the gr.HTML component.

const opened = new Set(); // sources that are open, by reply and number
const doubting = new Set(); // replies whose doubts are marked
let formOf = ""; // the reply whose form is open
let next = []; // where the focus goes when the conversation is drawn anew: the first of these that is there

const find = (name, value) => [...element.querySelectorAll(`[data-${name}]`)].filter((node) => node.dataset[name] === value);
const answerOf = (reply) => find("reply", reply).find((node) => node.matches(".tl-answer"));

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

function reword(button) { // in place of the question: its words in a box
  const asked = button.closest(".tl-query");
  const form = document.createElement("form");
  form.className = "tl-reword";
  form.dataset.reply = button.dataset.reply;
  form.innerHTML = `<label><span class="tl-hidden">The question in other words</span><textarea rows="3" maxlength="8000"
    required></textarea></label><p class="tl-note">The answers so far are kept. You can go back to them.</p>
    <div class="tl-form-buttons"><button type="submit" class="tl-primary">Ask again</button>
    <button type="button" data-do="unword">Cancel</button></div>`;
  const box = form.querySelector("textarea");
  box.value = asked.querySelector(".tl-query-words").textContent;
  asked.hidden = true;
  asked.after(form);
  box.focus();
  box.setSelectionRange(box.value.length, box.value.length);
}

function unword(form) {
  const asked = form.previousElementSibling;
  form.remove();
  asked.hidden = false;
  asked.querySelector('[data-do="reword"]').focus();
}

function focusAfter(data) {
  const within = (selector) => () => answerOf(data.reply)?.querySelector(selector);
  if (data.do === "edit") next = [within(".tl-form input"), within(".tl-form textarea")];
  else if (data.do === "save" || data.do === "close") next = [within(".tl-said button"), within(".tl-thumb")];
  else if (data.do === "rate" && data.value === "none") next = [within(".tl-thumb")];
  else if (data.do === "compare") next = [() => element.querySelector(".tl-choice button")];
  else if (data.do === "turn") {
    const other = data.way === "earlier" ? "later" : "earlier";
    const arrow = (way) => () => find("way", way).filter((node) => !node.disabled && near(node, data.place))[0];
    next = [arrow(data.way), arrow(other)];
  } else next = [];
}

const exchanges = () => [...element.querySelectorAll(".tl-query, .tl-answers")];
const near = (node, place) => exchanges().indexOf(node.closest(".tl-query, .tl-answers")) === place;

function act(data) {
  focusAfter(data);
  trigger("act", data);
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
  } else if (todo === "reword") reword(button);
  else if (todo === "unword") unword(button.closest("form"));
  else if (todo === "save") act(filled(button.closest("form")));
  else if (todo === "another") trigger("generate", { ...filled(button.closest("form")), do: "retry" });
  else if (todo === "example" || todo === "retry") trigger("generate", { ...button.dataset });
  else if (todo === "turn") {
    act({ ...button.dataset, place: exchanges().indexOf(button.closest(".tl-query, .tl-answers")) });
  } else {
    if (todo === "rate") button.setAttribute("aria-pressed", String(button.dataset.value !== "none"));
    act({ ...button.dataset });
  }
});

element.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  if (!form.matches(".tl-reword")) { act(filled(form)); return; }
  const words = form.querySelector("textarea").value.trim();
  if (words === form.previousElementSibling.querySelector(".tl-query-words").textContent.trim()) unword(form);
  else if (words) {
    trigger("generate", { do: "reword", reply: form.dataset.reply, message: words });
    document.querySelector("#tl-box textarea").focus();
  }
});

element.addEventListener("change", (event) => { // a reason counts once it is chosen
  if (event.target.name === "reason") trigger("act", { ...filled(event.target.form), do: "reasons" });
});

element.addEventListener("keydown", (event) => {
  const { key, target } = event;
  const form = target.closest("form");
  if (key === "Enter" && !event.shiftKey && !event.isComposing && target.closest(".tl-reword textarea")) {
    event.preventDefault();
    form.requestSubmit();
  } else if (key === "Escape" && form) {
    if (form.matches(".tl-reword")) unword(form); else act({ do: "close", reply: form.dataset.reply });
  } else if (key === "Escape" && target.closest(".tl-place")) act({ do: "close" });
  else if ((key === "ArrowLeft" || key === "ArrowRight") && target.closest(".tl-pager")) {
    const arrow = target.closest(".tl-pager").querySelector(`[data-way="${key === "ArrowLeft" ? "earlier" : "later"}"]`);
    if (!arrow.disabled) arrow.click();
  }
});

element.addEventListener("toggle", (event) => { // it does not bubble
  const source = event.target;
  if (!source.isConnected || !source.matches(".tl-source")) return;
  if (source.open) opened.add(nameOf(source)); else opened.delete(nameOf(source));
}, true);

watch("value", () => {
  for (const answer of element.querySelectorAll(".tl-answer")) {
    if (doubting.has(answer.dataset.reply) && answer.querySelector(".tl-doubts")) markDoubts(answer, true);
  }
  for (const source of element.querySelectorAll(".tl-source")) {
    if (opened.has(nameOf(source))) source.open = true;
  }
  const form = element.querySelector("form.tl-form");
  if (form && form.dataset.reply !== formOf) form.scrollIntoView({ block: "nearest" });
  formOf = form?.dataset.reply ?? "";
  const place = element.querySelector(".tl-place");
  if (place) {
    place.focus({ preventScroll: true });
    place.querySelector("mark").scrollIntoView({ block: "center" });
  } else if (document.activeElement === document.body || element.contains(document.activeElement)) {
    next.map((wanted) => wanted()).find(Boolean)?.focus({ preventScroll: true });
  }
  next = [];
});
