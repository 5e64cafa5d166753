// The pages work without this: it ticks all boxes at once, and goes on by itself.
"use strict";

for (const all of document.querySelectorAll(".durable-tasks .tick-all")) {
  const boxes = [...all.closest("table").querySelectorAll("tbody .tick input")];
  const show = () => {
    const ticked = boxes.filter((box) => box.checked).length;
    all.checked = ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
  };
  all.hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
  });
  for (const box of boxes) box.addEventListener("change", show);
  show(); // a browser that goes back keeps the ticks
}

for (const form of document.querySelectorAll(".durable-tasks form.goes-on")) {
  // Time enough to press "Stop here".
  const timer = setTimeout(() => form.requestSubmit(), 700);
  for (const link of document.querySelectorAll(".durable-tasks .stop")) {
    link.addEventListener("click", () => clearTimeout(timer));
  }
}

// A second press while the first is answered would only ask for the same again.
for (const form of document.querySelectorAll(".durable-tasks form[method=post]")) {
  let isSent = false;
  form.addEventListener("submit", (event) => {
    if (isSent) event.preventDefault();
    isSent = true;
  });
  window.addEventListener("pageshow", () => { isSent = false; });
}
