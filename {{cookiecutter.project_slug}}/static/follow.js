// Keeps a page as things are: asks the server again and again, and says so where it does not answer.
"use strict";

const TIMEOUT_MS = 8000; // what a page of the shop takes at most, with room
const REDIRECT = 0; // the status that a browser gives to a redirect which it does not follow

// Only what differs is written: a screen reader announces each write to a live region.
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Returns the answer, which may be one of `statuses` instead of a good one; anything else is an error.
async function answerOf(url, ...statuses) {
  const response = await fetch(url, {
    cache: "no-store",
    redirect: "manual", // the login page would look like a good answer
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok && !statuses.includes(response.status)) throw new Error(`status ${response.status}`);
  return response;
}

// Asks at once when somebody comes back to the tab, every `everyMs` while it is seen, and every
// `slowestMs` in a hidden tab, after failures, and after `patientAfter` answers. `ask` tells whether
// there is more to come and may `say` why there is not; `apology` is said where it fails.
function follow({ ask, trouble, apology, everyMs, slowestMs, patientAfter = Infinity }) {
  let answers = 0;
  let failures = 0;
  let timer = setTimeout(again, everyMs);

  function say(text) {
    write(trouble, text);
    trouble.hidden = text === "";
  }

  function delay() {
    const isSlow = document.hidden || answers > patientAfter;
    return isSlow ? slowestMs : Math.min(everyMs * 2 ** failures, slowestMs);
  }

  async function again() {
    timer = null;
    try {
      if (!(await ask(say))) return;
      say("");
      answers += 1;
      failures = 0;
    } catch {
      failures += 1;
      say(apology);
    }
    timer = setTimeout(again, delay());
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden || timer === null) return; // null: it is being asked, or has ended
    clearTimeout(timer);
    again();
  });
}
