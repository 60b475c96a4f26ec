import { mount } from "svelte";
import App from "./App.svelte";
import "./app.css";

// An invitation is a secret: it leaves the address and the history before anything else is done.
const invitation = new URLSearchParams(location.hash.slice(1)).get("invitation");
if (invitation !== null) history.replaceState(null, "", location.pathname + location.search);

addEventListener("hashchange", () => {
  if (location.hash.startsWith("#invitation=")) location.reload();
});

// An upgrade has taken away a file that this page asks for: the page of the new version is loaded, once.
addEventListener("vite:preloadError", (event) => {
  if (sessionStorage.getItem("reloaded") === location.hash) return;
  event.preventDefault();
  sessionStorage.setItem("reloaded", location.hash);
  location.reload();
});

mount(App, { target: document.getElementById("app")!, props: { invitation } });
