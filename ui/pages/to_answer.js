// Goes to the answer that the address names, once, or else to the end of the conversation. An expression, for an event.
() => setTimeout(() => {
  const address = new URL(location.href);
  const named = address.searchParams.get("r");
  const answer = named && document.querySelector(`#tl-thread .tl-answer[data-reply="${CSS.escape(named)}"]`);
  if (!answer) {
    window.scrollTo(0, document.documentElement.scrollHeight);
    return;
  }
  address.searchParams.delete("r");
  history.replaceState(null, "", address);
  answer.classList.add("tl-named");
  answer.scrollIntoView({ block: "center" });
}, 50)
