// Notifications of the browser for what is posted to the places that the person has asked for them, in this browser. One
// message gives one, however many tabs are open, and none while a tab shows the place.
import { session } from "../session/session.svelte";
import { live, type Arrived } from "./live.svelte";

interface Wanted {
  kind: string;
  name: string;
}

const MOST = 200; // characters of a message
const seenName = (id: string): string => `postern-seen-${id}`;

function kept(key: string): Record<string, Wanted> {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "{}") as Record<string, Wanted>;
  } catch {
    return {};
  }
}

class Notices {
  /** By the ids of the places. */
  wanted = $state<Record<string, Wanted>>({});
  /** Whether the browser was told to show none. */
  denied = $state(false);
  readonly possible = "Notification" in window && isSecureContext && !!navigator.locks;
  #stop: (() => void) | undefined;

  constructor() {
    this.#read();
    addEventListener("storage", ({ key }) => key === this.#key && this.#read()); // another tab has changed it
  }

  /** Begins with PLACE, or ends; the browser asks the person for leave when that has not been given. */
  async toggle(id: string, place: Wanted): Promise<void> {
    const { [id]: had, ...others } = this.wanted;
    if (!had) {
      this.denied = (await Notification.requestPermission()) !== "granted";
      if (this.denied) return;
    }
    const wanted = had ? others : { ...this.wanted, [id]: place };
    if (Object.keys(wanted).length) localStorage.setItem(this.#key, JSON.stringify(wanted));
    else localStorage.removeItem(this.#key);
    this.#read();
  }

  get #key(): string {
    return `notices-${session.user?.id}`;
  }

  #read(): void {
    this.wanted = kept(this.#key);
    const any = this.possible && Object.keys(this.wanted).length > 0;
    if (any) this.#stop ??= live.listen((one) => void this.#hear(one));
    else {
      this.#stop?.();
      this.#stop = undefined;
    }
  }

  async #hear({ event, data }: Arrived): Promise<void> {
    const id = data.target?.id ?? "";
    const place = this.wanted[id];
    if (event !== "message" || !place) return;
    const { held } = await navigator.locks.query();
    if (held?.some(({ name }) => name === seenName(id))) return;
    const { message } = data;
    const text = message?.text ?? message?.card?.title ?? "";
    const who = message?.bot?.name?.trim() || data.sender.name;
    // Of several tabs' notifications with one tag the browser shows one.
    const notice = new Notification(place.name, { body: `${who}: ${text}`.slice(0, MOST), tag: data.id });
    notice.onclick = () => {
      window.focus();
      location.hash = `#/${place.kind}/${encodeURIComponent(id)}`;
      notice.close();
    };
  }
}

export const notices = new Notices();

/** Tells all tabs that this one shows the place ID, as long as it can be seen, until what is returned is called. */
export function shows(id: string): () => void {
  let hide: (() => void) | undefined;
  const look = () => {
    hide?.();
    hide = undefined;
    if (document.hidden || !notices.possible) return;
    const until = new Promise<void>((done) => (hide = done));
    void navigator.locks.request(seenName(id), { mode: "shared" }, () => until);
  };
  look();
  document.addEventListener("visibilitychange", look);
  return () => {
    document.removeEventListener("visibilitychange", look);
    hide?.();
  };
}
