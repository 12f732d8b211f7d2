// Gives a page the tag <gradio-app src="https://.../a/name">, which holds the chat of that address in a frame. Nothing
// else is loaded, and nothing of the chat runs in the page itself.
if (!customElements.get("gradio-app")) {
  customElements.define("gradio-app", class extends HTMLElement {
    connectedCallback() {
      if (this.querySelector("iframe")) return;
      const frame = document.createElement("iframe");
      frame.src = this.getAttribute("src");
      frame.title = this.title || "Chat";
      frame.allow = "clipboard-write";
      frame.style.cssText = "display: block; width: 100%; height: 100%; border: 0";
      this.style.display = "block";
      this.style.height ||= "640px";
      this.append(frame);
    }
  });
}
