// Makes the page pleasanter: passkeys, the time that is left, following the run. Nothing here decides anything.
"use strict";

const toBytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const find = (selector, inside = document) => inside.querySelector(selector);
const SECOND = 1000;

async function post(url, token, body) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Form-Token": token },
    body: JSON.stringify(body),
  });
  const kind = answer.headers.get("Content-Type") || "";
  if (!kind.startsWith("application/json")) throw new Error(await answer.text());
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.message);
  return told;
}

async function signWithPasskey(options) {
  const publicKey = { ...options, challenge: toBytes(options.challenge) };
  publicKey.allowCredentials = options.allowCredentials.map((one) => ({ ...one, id: toBytes(one.id) }));
  const made = await navigator.credentials.get({ publicKey });
  return {
    id: made.id,
    rawId: toText(made.rawId),
    type: made.type,
    response: {
      clientDataJSON: toText(made.response.clientDataJSON),
      authenticatorData: toText(made.response.authenticatorData),
      signature: toText(made.response.signature),
    },
  };
}

async function makePasskey(options) {
  const publicKey = { ...options, challenge: toBytes(options.challenge) };
  publicKey.user = { ...options.user, id: toBytes(options.user.id) };
  publicKey.excludeCredentials = (options.excludeCredentials || []).map((one) => ({ ...one, id: toBytes(one.id) }));
  const made = await navigator.credentials.create({ publicKey });
  return {
    id: made.id,
    rawId: toText(made.rawId),
    type: made.type,
    response: {
      clientDataJSON: toText(made.response.clientDataJSON),
      attestationObject: toText(made.response.attestationObject),
    },
  };
}

function tell(text, wrong) {
  const status = find("#status");
  status.textContent = text;
  status.classList.toggle("wrong", Boolean(wrong));
}

function inWords(error) {
  if (error.name === "NotAllowedError") return "The passkey was not used: it was cancelled, or took too long.";
  if (error.name === "InvalidStateError") return "This authenticator holds an enrolled passkey already.";
  return error.message;
}

function offerPasskey(form, plan) {
  const button = find("#passkey", form);
  if (!button || !window.PublicKeyCredential) return;
  button.parentElement.hidden = false;
  button.addEventListener("click", async () => {
    const name = form.elements.database;
    if (name && !name.reportValidity()) return;
    button.disabled = true;
    tell("Waiting for your passkey …");
    try {
      const token = form.elements.token.value;
      const options = await post(`/plans/${plan}/passkey/options`, token, {});
      const credential = await signWithPasskey(options);
      tell("Checking the signature …");
      await post(`/plans/${plan}/passkey`, token, { credential, database: name ? name.value : null });
      location.reload();
    } catch (error) {
      tell(inWords(error), true);
      button.disabled = false;
    }
  });
}

function checkName(form) {
  const name = form.elements.database;
  if (!name) return;
  const check = () =>
    name.setCustomValidity(name.value.trim() === name.dataset.expected ? "" : `Type ${name.dataset.expected} here.`);
  name.addEventListener("input", check);
  check();
}

function onlyOnce(form) {
  form.addEventListener("submit", () => {
    for (const button of form.querySelectorAll("button")) button.disabled = true;
    if (form.classList.contains("approve")) tell("Checking the passphrase …");
  });
}

function countDown() {
  for (const time of document.querySelectorAll("time[data-expires]")) {
    const left = Number(time.dataset.expires) - Date.now() / SECOND;
    const minutes = Math.floor(left / 60);
    if (left <= 0) time.textContent = "now";
    else if (minutes < 60) time.textContent = minutes < 1 ? "in less than a minute" : `in ${minutes} min`;
  }
}

async function look(plan) {
  const answer = await fetch(`/plans/${plan}/state`);
  if (!answer.ok) throw new Error("unreadable");
  return answer.json();
}

// A plan that is answered or expires elsewhere must not keep showing its form.
async function watch(plan) {
  try {
    const now = await look(plan);
    if (now.state !== "open") return location.reload();
  } catch {
    // The server is gone or busy: the form says so itself when it is sent.
  }
  return setTimeout(watch, 4 * SECOND, plan);
}

async function follow(outcome, plan) {
  const part = (name) => find(`[data-part=${name}]`, outcome);
  try {
    const now = await look(plan);
    for (const name of ["title", "text"]) if (part(name).textContent !== now[name]) part(name).textContent = now[name];
    outcome.className = `outcome ${now.tone}`;
    const log = part("log");
    for (const line of now.lines.slice(log.children.length)) {
      log.append(Object.assign(document.createElement("li"), { textContent: line }));
    }
    part("progress").hidden = !now.follows;
    if (!now.follows) return;
  } catch {
    part("title").textContent = "The server can't be reached";
    part("text").textContent = "It was stopped, or is busy. The tool current says where the database stands.";
  }
  setTimeout(follow, SECOND, outcome, plan);
}

function enroll(place) {
  const form = find("#enroll", place);
  if (!form) return;
  const { approver, passphrase, code } = form.elements;
  const token = place.dataset.token;
  const byPasskey = () => approver && approver.selectedOptions[0].dataset.kind === "passkey";
  const choose = () => {
    find("#sponsor-passphrase").hidden = byPasskey();
    passphrase.required = !byPasskey();
  };
  if (approver) {
    approver.addEventListener("change", choose);
    choose();
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = find("button", form);
    button.disabled = true;
    const sent = { code: code.value, by: approver ? approver.value : null };
    try {
      tell("Checking the code …");
      const options = await post("/enroll/begin", token, sent);
      tell("Waiting for the new passkey …");
      let told = await post("/enroll/finish", token, { ...sent, credential: await makePasskey(options) });
      if (!told.enrolled) {
        tell("The passkey is made. Now the approver signs it in …");
        const proof = told.options
          ? { credential: await signWithPasskey(told.options) }
          : { passphrase: passphrase.value };
        told = await post("/enroll/sign", token, { ...sent, ...proof });
      }
      form.hidden = true;
      tell(`Enrolled: ${told.fingerprint}. You can close this page; the terminal goes on.`);
    } catch (error) {
      tell(inWords(error), true);
      button.disabled = false;
    }
  });
}

function offerSignature(place) {
  const form = find("#sign", place);
  if (!form) return;
  const token = place.dataset.token;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = find("button", form);
    button.disabled = true;
    try {
      tell("Waiting for your passkey …");
      const credential = await signWithPasskey(await post("/sign/options", token, {}));
      tell("Checking the signature …");
      const told = await post("/sign/finish", token, { credential });
      form.hidden = true;
      tell(`Signed by ${told.name}. You can close this page; the terminal goes on.`);
    } catch (error) {
      tell(inWords(error), true);
      button.disabled = false;
    }
  });
}

const shown = find("article.plan");
if (shown) {
  const plan = shown.dataset.plan;
  const form = find("form.approve");
  const outcome = find("#outcome");
  if (form) {
    checkName(form);
    offerPasskey(form, plan);
  }
  for (const one of document.querySelectorAll("form")) onlyOnce(one);
  if (shown.dataset.state === "open" && !outcome) watch(plan);
  if (outcome && "follow" in outcome.dataset) follow(outcome, plan);
  const wrong = find("#error");
  if (wrong) wrong.focus();
}
const signing = find("#signing");
if (signing) offerSignature(signing);
const enrolling = find("#enrolment");
if (enrolling) enroll(enrolling);
countDown();
setInterval(countDown, SECOND);
// Back and forward bring an old copy of the page with its buttons spent.
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
