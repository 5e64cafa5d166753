// A form that is being sent cannot be sent again. Without scripts the server sorts it out alone.
const busy = new WeakSet();

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (busy.has(form)) return event.preventDefault();
  busy.add(form);
  form.setAttribute("aria-busy", "true");
  // After this turn: a disabled button would not be sent along with the form.
  setTimeout(() => setButtons(form, true));
});

// The browser's "back" shows the page as it was left: usable again.
window.addEventListener("pageshow", () => {
  for (const form of document.forms) {
    busy.delete(form);
    form.removeAttribute("aria-busy");
    setButtons(form, false);
  }
});

function setButtons(form, disabled) {
  for (const button of form.querySelectorAll("button:not([type=button])")) {
    if (disabled && !button.disabled) button.dataset.submitted = "";
    if (!("submitted" in button.dataset)) continue;
    button.disabled = disabled;
    if (!disabled) delete button.dataset.submitted;
  }
}
