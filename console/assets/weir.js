// The page is rendered on the server, in regions. This module keeps them up to
// date: it is sent a region's new markup over server-sent events and changes
// only what differs, so that focus, selection and scrolling stay where they are.

const regions = ["bar", "figures", "unbounded", "holds", "requests", "alerts", "parties", "exchanges", "denied", "ledger"];
const pausable = new Set(["exchanges", "denied"]);
const byId = (id) => document.getElementById(id);

// Trusted Types: markup comes from this server's own templates, and only here.
const markup = globalThis.trustedTypes
  ? trustedTypes.createPolicy("weir", { createHTML: (s) => s })
  : { createHTML: (s) => s };

function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = markup.createHTML(html);
  return template.content.firstElementChild;
}

// Rows that came with the last change; a few light up, a flood does not.
let arrived = [];
const still = matchMedia("(prefers-reduced-motion: reduce)");

function light() {
  if (!still.matches && arrived.length <= 12) {
    for (const row of arrived) {
      row.animate([{ background: "var(--water-soft)" }, { background: "transparent" }], { duration: 1200, easing: "ease-out" });
    }
  }
  arrived = [];
}

// morph makes have look like want. Children with an id are matched by it, others
// by their place and name.
function morph(have, want) {
  if (have.isEqualNode(want)) return;
  if (have.nodeType !== Node.ELEMENT_NODE) {
    have.nodeValue = want.nodeValue;
    return;
  }
  for (const { name } of [...have.attributes]) if (!want.hasAttribute(name)) have.removeAttribute(name);
  for (const { name, value } of want.attributes) if (have.getAttribute(name) !== value) have.setAttribute(name, value);

  const wanted = new Set();
  for (const child of want.children) if (child.id) wanted.add(child.id);
  const known = new Map();
  for (const child of [...have.children]) {
    if (!child.id) continue;
    if (wanted.has(child.id)) known.set(child.id, child);
    else child.remove();
  }
  let at = have.firstChild;
  for (const child of [...want.childNodes]) {
    const same = child.id ? known.get(child.id) : at && !at.id && at.nodeName === child.nodeName ? at : null;
    if (!same) {
      have.insertBefore(child, at);
      if (child.nodeName === "TR") arrived.push(child);
      continue;
    }
    if (same === at) at = at.nextSibling;
    else have.insertBefore(same, at);
    morph(same, child);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

// Pausing holds back the streams of exchanges; the newest state waits.
const pause = byId("pause");
const waiting = new Map();
let paused = false;

function show(name, html) {
  if (paused && pausable.has(name)) {
    waiting.set(name, html);
    return;
  }
  const want = parse(html);
  if (want) morph(byId(name), want);
  light();
  if (name === "alerts") announceNew();
}

pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  pause.textContent = paused ? "Go on" : "Pause";
  if (!paused) {
    for (const [name, html] of waiting) show(name, html);
    waiting.clear();
  }
});

// A new alert is spoken once, and counted in the title.
let newest = newestAlert();
let unread = 0;

function newestAlert() {
  const first = document.querySelector("#alerts .alert");
  return first ? Number(first.id.slice(2)) : -1;
}

function announceNew() {
  const fresh = [...document.querySelectorAll("#alerts .alert")].filter((a) => Number(a.id.slice(2)) > newest);
  if (!fresh.length) return;
  newest = newestAlert();
  announce(fresh.length === 1 ? `New alert. ${fresh[0].dataset.say}` : `${fresh.length} new alerts. ${fresh[0].dataset.say}`);
  if (document.hidden) {
    unread += fresh.length;
    document.title = `(${unread}) Weir`;
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  unread = 0;
  document.title = "Weir";
});

function announce(text) {
  byId("announce").textContent = text;
}

// The connection: the browser tries again by itself when it breaks, and gives up
// when it is refused. A silent one is taken for lost.
let source;
let patience;
let delay = 1000;

function state(link, text) {
  if (document.documentElement.dataset.link === link) return;
  document.documentElement.dataset.link = link;
  byId("link-text").textContent = text;
  byId("lost").hidden = link !== "lost" && link !== "ended";
  if (link === "ended") {
    byId("lost-title").textContent = "This session has ended.";
    byId("lost-text").textContent = "Weir was restarted, or the session is over. Open a new one-time link.";
  }
}

function alive() {
  delay = 1000;
  state("live", "Live");
  clearTimeout(patience);
  patience = setTimeout(() => {
    state("lost", "Connection lost, retrying");
    join();
  }, 12000);
}

function join() {
  source?.close();
  const mine = (source = new EventSource("/live"));
  mine.addEventListener("beat", alive);
  for (const name of regions) {
    mine.addEventListener(name, (event) => {
      alive();
      show(name, event.data);
    });
  }
  mine.onerror = async () => {
    clearTimeout(patience);
    state("lost", "Connection lost, retrying");
    if (mine.readyState !== EventSource.CLOSED) return;
    try {
      const answer = await fetch("/session");
      if (answer.status === 401) {
        state("ended", "Session ended");
        return;
      }
    } catch {
      // not there yet
    }
    if (mine !== source) return;
    setTimeout(join, delay);
    delay = Math.min(delay * 2, 15000);
  };
}

// Acts.
const csrf = document.querySelector('meta[name="csrf"]').content;

async function act(path, fields) {
  const answer = await fetch(path, { method: "POST", body: new URLSearchParams({ csrf, ...fields }) });
  if (!answer.ok) throw new Error((await answer.text()).trim());
}

const dialog = byId("lift");

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.id === "verify") {
    try {
      await act("/verify", {});
    } catch (error) {
      announce(error.message);
    }
  } else if (button.dataset.lift) {
    byId("lift-party").value = button.dataset.lift;
    byId("lift-who").textContent = button.dataset.lift.replace(":", " ");
    byId("lift-reason").value = "";
    byId("lift-wrong").textContent = "";
    dialog.showModal();
    byId("lift-reason").focus();
  } else if (button.id === "lift-cancel") {
    dialog.close();
  } else if (button.dataset.decide) {
    ask(button.dataset);
  } else if (button.id === "decide-cancel") {
    decide.close();
  }
});

byId("lift-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const send = byId("lift-send");
  send.disabled = true;
  byId("lift-wrong").textContent = "";
  try {
    await act("/lift", { party: byId("lift-party").value, reason: byId("lift-reason").value });
    dialog.close();
    announce("The hold is lifted.");
  } catch (error) {
    byId("lift-wrong").textContent = error instanceof TypeError ? "Weir cannot be reached. The hold is in force." : error.message;
  } finally {
    send.disabled = false;
  }
});

// A decision on a request for more, by a person who shows their own credential. It
// leaves the page with the form, and is in no field afterwards.
const decide = byId("decide");

function ask({ decide: what, request, about }) {
  const approve = what === "approve";
  decide.dataset.decision = what;
  byId("decide-title").textContent = approve ? "Approve this request?" : "Refuse this request?";
  byId("decide-send").textContent = approve ? "Approve" : "Refuse";
  byId("decide-about").textContent = about;
  byId("decide-id").value = request;
  byId("decide-credential").value = "";
  byId("decide-reason").value = "";
  byId("decide-reason").required = !approve;
  byId("decide-why").hidden = approve;
  byId("decide-wrong").textContent = "";
  decide.showModal();
  byId("decide-credential").focus();
}

decide.addEventListener("close", () => {
  byId("decide-credential").value = "";
});

byId("decide-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const send = byId("decide-send");
  send.disabled = true;
  byId("decide-wrong").textContent = "";
  const decision = decide.dataset.decision;
  try {
    await act("/decide", { id: byId("decide-id").value, decision, credential: byId("decide-credential").value, reason: byId("decide-reason").value });
    decide.close();
    announce(decision === "approve" ? "The request is approved." : "The request is refused.");
  } catch (error) {
    byId("decide-wrong").textContent = error instanceof TypeError ? "Weir cannot be reached. Nothing is decided." : error.message;
  } finally {
    send.disabled = false;
  }
});

join();
