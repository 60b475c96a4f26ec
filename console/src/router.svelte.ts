// Pages by what is behind the # of the address: it works below any path, and reaches no log of a proxy's.
import { tick } from "svelte";

const read = (): string => (location.hash.startsWith("#/") ? location.hash.slice(1) : "/tokens");

/** The address without what stands behind its ?. */
const bare = (address: string): string => address.split("?", 1)[0] ?? "";

class Router {
  #address = $state(read());
  path = $derived(bare(this.#address));
  query = $derived(new URLSearchParams(this.#address.slice(this.path.length)));

  constructor() {
    addEventListener("hashchange", () => {
      const before = this.path;
      this.#address = read();
      if (this.path !== before) void tick().then(() => this.#enter());
    });
  }

  #page?: MutationObserver; // that is awaited

  /** Puts the focus on the heading of the page once it is loaded, unless it was taken elsewhere meanwhile. */
  #enter(): void {
    const had = document.activeElement;
    this.#page?.disconnect();
    if (document.querySelector("main h1")) return focusHeading();
    this.#page = new MutationObserver((_, page) => {
      if (!document.querySelector("main h1")) return;
      page.disconnect();
      if ([had, document.body].includes(document.activeElement)) focusHeading();
    });
    this.#page.observe(document.body, { childList: true, subtree: true });
  }

  /** Puts NAME=VALUE into the address, in its place, or takes it out. */
  put(name: string, value: string): void {
    const query = new URLSearchParams(this.query);
    if (value) query.set(name, value);
    else query.delete(name);
    this.#become(this.path, query);
  }

  /** Writes the address of what is shown in another way. */
  rename(path: string): void {
    this.#become(path, this.query);
  }

  #become(path: string, query: URLSearchParams): void {
    const address = path + (query.size ? `?${query}` : "");
    history.replaceState(null, "", "#" + address);
    this.#address = address;
  }
}

export const router = new Router();

/** Where the focus goes when what had it is gone. */
export function focusHeading(): void {
  const heading = document.querySelector<HTMLElement>("main h1");
  heading?.focus();
}
