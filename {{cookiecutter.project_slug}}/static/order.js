// Follows an order on its page: asks how far it is and shows what has changed, until nothing will.
"use strict";

(() => {
  const progress = document.querySelector("[data-status-url]");
  if (!progress) return;

  function show(order) {
    for (const step of order.steps) {
      const line = progress.querySelector(`[data-step="${step.name}"]`);
      line.className = step.state;
      write(line.querySelector("[data-text]"), step.text);
      write(line.querySelector("[data-at]"), step.at);
    }
    write(progress.querySelector("[data-summary]"), order.summary);
    const packIn = document.querySelector("[data-pack-in]");
    write(packIn.querySelector("pre"), order.pack_in);
    packIn.hidden = order.pack_in === "";
  }

  async function ask(say) {
    const response = await answerOf(progress.dataset.statusUrl, 403, 404);
    if (!response.ok) {
      say("You are logged out. Log in again to follow your order.");
      return false;
    }
    const order = await response.json();
    show(order);
    if (order.is_settled) say("");
    return !order.is_settled;
  }

  follow({
    ask,
    trouble: progress.querySelector("[data-trouble]"),
    apology: "We cannot reach the shop right now. Your order is kept; this page goes on trying.",
    everyMs: 1000, // a step shows within a second of its happening
    slowestMs: 5000,
    patientAfter: 120, // an order that is not done after two minutes waits for something
  });
})();
