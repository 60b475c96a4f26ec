import { mount } from "svelte";
import App from "./App.svelte";
import "./app.css";

// An invitation's page has its own address; what is behind the # is sent to nobody.
if (location.hash.startsWith("#invitation=")) location.replace("invitation" + location.hash);
else mount(App, { target: document.getElementById("app")! });
