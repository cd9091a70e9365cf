// What makes the pages live. Everything here is an extra: each page works without it.
//
// Rules: no markup is made from data (the server renders and escapes); what changes is patched in
// place, so that focus, selection and open details survive; nothing is announced twice.

const $ = (selector, root = document) => [...root.querySelectorAll(selector)];
const parse = (html) => new DOMParser().parseFromString(html, "text/html");

// Makes `old` equal to `fresh` by changing only what differs.
function patch(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return old.replaceWith(fresh.cloneNode(true));
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  const keeps = old.matches("details[data-keep]") ? ["open"] : [];
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !keeps.includes(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value && !keeps.includes(name)) old.setAttribute(name, value);
  const olds = [...old.childNodes], news = [...fresh.childNodes];
  news.forEach((node, i) => (olds[i] ? patch(olds[i], node) : old.append(node.cloneNode(true))));
  olds.slice(news.length).forEach((node) => node.remove());
}

async function fetchPage(url, options) {
  const response = await fetch(url, { credentials: "same-origin", ...options });
  if (response.redirected && new URL(response.url).pathname.endsWith("/login")) location.assign(response.url);
  return { ok: response.ok, page: parse(await response.text()) };
}

// Durations that go on while the page is open, in the words of `ui::time::duration`.
function duration(ms) {
  if (ms < 100) return `${Math.floor(ms)} ms`;
  const s = Math.floor(ms / 1000);
  if (s < 60) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  return s < 3600 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}
const started = new WeakMap();
function startTicks(root = document) {
  for (const el of $("[data-tick]", root)) started.set(el, performance.now() - Number(el.dataset.tick));
}
setInterval(() => {
  for (const el of $("[data-tick]")) if (started.has(el)) el.textContent = duration(performance.now() - started.get(el));
}, 100);

function scrollLogs(root = document) {
  for (const log of $("[data-end]", root)) log.scrollTop = log.scrollHeight;
}

// The index of the API reference: what does not have the text is hidden.
for (const field of $("[data-index-search]")) {
  field.hidden = false;
  field.querySelector("input").addEventListener("input", (event) => {
    const text = event.target.value.trim().toLowerCase();
    for (const item of $(".api-index ul ul li")) item.hidden = !item.textContent.toLowerCase().includes(text);
  });
}

// A job's page: whole states from the server.
function watch(box) {
  const source = new EventSource(box.dataset.events);
  const spoken = document.getElementById("spoken");
  const say = (words) => { if (spoken && spoken.textContent !== words) spoken.textContent = words; };
  source.addEventListener("state", (event) => {
    const log = box.querySelector("[data-end]");
    const atEnd = !log || log.scrollHeight - log.scrollTop - log.clientHeight < 24;
    const fresh = parse(event.data).body.firstElementChild;
    patch(box.firstElementChild, fresh);
    startTicks(box);
    if (atEnd) scrollLogs(box);
    say(box.firstElementChild.dataset.spoken);
    if (box.firstElementChild.dataset.over) {
      source.close();
      document.title = document.title.replace(/: [^·]*/, `: ${box.querySelector(".badge").textContent} `);
    }
  });
  source.addEventListener("end", () => source.close());
  source.onerror = () => {
    for (const el of $("[data-live-state]", box)) el.textContent = source.readyState === EventSource.CLOSED ? "connection lost: please reload" : "reconnecting";
  };
  source.onopen = () => { for (const el of $("[data-live-state]", box)) el.textContent = "live"; };
}

// Somebody looks: a page that was left open alone must not keep its session alive for ever.
let stirred = Date.now();
for (const kind of ["pointerdown", "keydown", "scroll", "visibilitychange"]) addEventListener(kind, () => { stirred = Date.now(); }, { passive: true });
const isWatched = () => !document.hidden && Date.now() - stirred < 15 * 60000;

// A part of this page that is fetched again while something goes on.
function poll(part) {
  const again = async () => {
    if (isWatched()) {
      const { ok, page } = await fetchPage(part.dataset.from ?? location.href).catch(() => ({}));
      const fresh = page?.getElementById(part.id);
      if (ok && fresh) patch(part, fresh);
    }
    if (part.dataset.poll) setTimeout(again, part.dataset.poll * 1000);
  };
  setTimeout(again, part.dataset.poll * 1000);
}

// A part of another page.
function load(box) {
  const again = async () => {
    if (isWatched()) {
      const { ok, page } = await fetchPage(box.dataset.load).catch(() => ({}));
      const fresh = page?.getElementById(box.dataset.part);
      if (ok && fresh) box.replaceChildren(...[...fresh.childNodes].map((n) => document.importNode(n, true)));
    }
    setTimeout(again, box.dataset.every * 1000);
  };
  again();
}

// A form whose answer is the same page with one part changed.
function swap(form) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const id = form.dataset.swap;
    const { ok, page } = await fetchPage(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) }).catch(() => ({}));
    const fresh = page?.getElementById(id);
    if (!ok || !fresh) return form.submit();
    const part = document.getElementById(id);
    part.replaceWith(fresh);
    enhance(fresh);
    fresh.querySelector("[data-copy]")?.focus();
  });
}

// Copying: heard at the page's root, so that buttons which come later work too. Without HTTPS
// there is no clipboard to write to; then the text is selected, and copied the old way.
async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const label = button.querySelector("span");
  const written = await navigator.clipboard?.writeText(source.textContent).then(() => true, () => false);
  if (!written) getSelection().selectAllChildren(source);
  label.textContent = written || document.execCommand("copy") ? "Copied" : "Selected";
  setTimeout(() => { label.textContent = "Copy"; }, 2000);
}
addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (button) copy(button);
});

// Checks while one types.
function verdict(input, good, words) {
  const box = document.getElementById(`${input.name}-problem`);
  input.toggleAttribute("aria-invalid", false);
  if (!good && words) input.setAttribute("aria-invalid", "true");
  const line = document.createElement("p");
  line.className = good ? "verdict" : "problem";
  line.append(words);
  box.replaceChildren(...(words ? [line] : []));
}

function check(input) {
  let timer, latest = 0;
  const ask = async () => {
    const mine = ++latest;
    const value = input.value;
    if (!value) return verdict(input, true, "");
    let answer;
    if (input.dataset.check === "address") {
      const response = await fetch(`/check/address?subdomain=${encodeURIComponent(value)}`);
      if (!response.ok) return;
      const { available, message } = await response.json();
      answer = [available, message];
    } else {
      const csrf = input.form.elements.csrf.value;
      const response = await fetch("/check/field", { method: "POST", body: new URLSearchParams({ csrf, field: input.name, value }) });
      if (!response.ok) return;
      const { good, message } = await response.json();
      answer = [good, message];
    }
    if (mine === latest) verdict(input, ...answer);
  };
  const later = (ms) => { clearTimeout(timer); timer = setTimeout(() => ask().catch(() => {}), ms); };
  // While typing only the address is judged; the other fields once one leaves them.
  input.addEventListener("input", () => (input.dataset.check === "address" || input.getAttribute("aria-invalid") ? later(250) : verdict(input, true, "")));
  input.addEventListener("blur", () => later(0));
}

// A store's address follows its name until somebody edits the address.
function derive(input) {
  const target = input.form.elements[input.dataset.derives];
  let derived = target.value;
  input.addEventListener("input", () => {
    if (target.value !== derived) return;
    const plain = input.value.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
    derived = target.value = plain.replace(/['’]/g, "").replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 40).replace(/-$/, "");
    target.dispatchEvent(new Event("input"));
  });
}

// A key that leads to a field, unless one is typing.
addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const field = $("[data-key]").find((el) => el.dataset.key === event.key);
  if (!field) return;
  event.preventDefault();
  field.focus();
});

// One press is enough.
addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.target || form.dataset.swap) return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "true";
  for (const button of $("button", form)) button.setAttribute("aria-disabled", "true");
});
addEventListener("pageshow", () => {
  for (const form of $("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of $("button", form)) button.removeAttribute("aria-disabled");
  }
});

function enhance(root) {
  $("[data-swap]", root).forEach(swap);
  $("[data-check]", root).forEach(check);
  $("[data-derives]", root).forEach(derive);
  $("[data-poll]", root).forEach(poll);
  $("[data-load]", root).forEach(load);
  $("[data-events]", root).forEach(watch);
  for (const button of $("[data-back]", root)) {
    button.hidden = history.length < 2;
    button.addEventListener("click", () => history.back());
  }
  startTicks(root);
  scrollLogs(root);
}
document.documentElement.dataset.script = "on";
enhance(document);
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
document.getElementById("problems")?.focus();

// Passkeys. A form is sent once it has the browser's answer; where there are no passkeys, that for the login stays hidden.
const canPasskey = Boolean(globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON);
for (const form of $("form[data-passkey]")) {
  const { challenge, answer } = form.elements;
  const problem = form.querySelector("[data-passkey-problem]");
  const ask = async () => {
    if (form.dataset.passkey === "create") {
      const { publicKey } = JSON.parse(form.dataset.options);
      return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) });
    }
    const body = new URLSearchParams({ csrf: form.elements.csrf.value });
    const begun = await (await fetch("/login/passkey/begin", { method: "POST", body })).json();
    challenge.value = begun.challenge;
    return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(begun.options.publicKey) });
  };
  if (canPasskey) form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.hidden = true;
    try {
      answer.value = JSON.stringify((await ask()).toJSON());
      form.submit();
    } catch {
      problem.hidden = false;
    }
  });
}
