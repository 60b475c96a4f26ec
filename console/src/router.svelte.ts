// Pages by what is behind the # of the address: it works below any path, and reaches no log of a proxy's.
import { tick } from "svelte";

const read = (): string => (location.hash.startsWith("#/") ? location.hash.slice(1) : "/tokens");

class Router {
  path = $state(read());

  constructor() {
    addEventListener("hashchange", () => {
      this.path = read();
      void tick().then(focusHeading);
    });
  }
}

export const router = new Router();

/** Where the focus goes when what had it is gone. */
export function focusHeading(): void {
  const heading = document.querySelector<HTMLElement>("main h1");
  heading?.focus();
}
