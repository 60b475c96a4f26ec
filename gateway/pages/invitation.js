"use strict";

const find = (id) => document.getElementById(id);

// Behind the # it was sent to nobody; it does not stay in the address bar or the history either.
const invitation = new URLSearchParams(location.hash.slice(1)).get("invitation");
if (location.hash) history.replaceState(null, "", location.pathname + location.search);

function show(id) {
  for (const part of ["no-invitation", "accept", "accepted"]) find(part).hidden = part !== id;
}

async function answerTo(body) {
  try {
    const answer = await fetch("api/v2/invitations/accept", {
      method: "POST",
      credentials: "omit",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    return { ok: answer.ok, ...(await answer.json()) };
  } catch {
    return {
      ok: false,
      message:
        "No answer came. Try again; if the invitation is not good any more then, your password has been set.",
    };
  }
}

async function accept(event) {
  event.preventDefault();
  const name = find("name").value.trim();
  find("problem").textContent = "";
  find("set").disabled = true;
  const answer = await answerTo({ invitation, password: find("password").value, ...(name && { name }) });
  find("set").disabled = false;
  if (!answer.ok) {
    find("problem").textContent = answer.message;
    find("password").focus();
    return;
  }
  find("accept").reset();
  find("email").textContent = find("login").textContent = answer.email;
  show("accepted");
  find("accepted").focus();
}

// At the root of the listener this page stands in for the console.
find("without-console").hidden = !location.pathname.endsWith("/");
for (const origin of document.querySelectorAll(".origin"))
  origin.textContent = location.origin + location.pathname.replace(/\/[^/]*$/, "");
find("accept").addEventListener("submit", accept);
find("show").addEventListener("change", (event) => {
  find("password").type = event.target.checked ? "text" : "password";
});
addEventListener("hashchange", () => location.reload());
show(invitation ? "accept" : "no-invitation");
