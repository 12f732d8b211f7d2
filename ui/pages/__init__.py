"""The Gradio pages: layout and wiring only, a module a page; what a button does is a plain function in `ui.endpoints`."""
