import { mount } from "svelte";
import App from "./App.svelte";
import "./app.css";

// An invitation and a link that signs in are secrets: they leave the address and the history before anything else is done.
const given = new URLSearchParams(location.hash.slice(1));
const invitation = given.get("invitation");
const link = given.get("sign-in");
if (invitation !== null || link !== null) history.replaceState(null, "", location.pathname + location.search);

addEventListener("hashchange", () => {
  if (/^#(invitation|sign-in)=/.test(location.hash)) location.reload();
});

// An upgrade has taken away a file that this page asks for: the page of the new version is loaded, once.
addEventListener("vite:preloadError", (event) => {
  if (sessionStorage.getItem("reloaded") === location.hash) return;
  event.preventDefault();
  sessionStorage.setItem("reloaded", location.hash);
  location.reload();
});

mount(App, { target: document.getElementById("app")!, props: { invitation, link } });
