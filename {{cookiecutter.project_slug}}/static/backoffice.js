// Follows a running rebuild: shows how far it is, and loads the page anew when it has ended.
"use strict";

(() => {
  const card = document.querySelector("[data-status-url]");
  if (!card) return;
  const bar = card.querySelector("progress");

  async function ask(say) {
    const response = await answerOf(card.dataset.statusUrl, 403);
    if (!response.ok) {
      say("You are logged out, or not staff any more. The rebuild goes on.");
      return false;
    }
    const progress = await response.json();
    // Anew by its address, not by reload(): the answer of a form is never sent again.
    if (!progress.is_running) location.replace(location.pathname + location.search);
    bar.max = progress.total;
    bar.value = progress.done;
    write(card.querySelector("[data-sentence]"), progress.sentence);
    return progress.is_running;
  }

  follow({
    ask,
    trouble: card.querySelector("[data-trouble]"),
    apology: "The shop does not answer right now. The rebuild goes on; this page keeps trying.",
    everyMs: 1000, // some customers are done in each second
    slowestMs: 10000,
  });
})();
