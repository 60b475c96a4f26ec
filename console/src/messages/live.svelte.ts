// What is stored, as it comes: one stream of all that the person may read, however many tabs are open. The tab that has
// the lock reads, and tells the others by a channel of the browser's; when it closes, another one goes on where it was.
// Where a browser gives pages no locks, which is where they come by plain HTTP, each tab reads for itself.
import { send } from "../api/client";
import { session } from "../session/session.svelte";
import type { Message } from "./messages";

export interface Arrived {
  event: "message" | "edit" | "delete" | "reset" | "end";
  data: Message & { target?: { kind: string; id: string; app?: string }; code?: string };
}

type State = "connecting" | "live" | "lost";
interface Said {
  is: "event" | "state" | "who reads?";
  line?: Arrived;
  position?: string;
  state?: State;
}

const SILENT_MS = 30_000; // a heartbeat comes each 10 s
const FIRST_MS = 500;
const MOST_MS = 10_000;

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((go) => {
    const timer = setTimeout(go, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), go()), { once: true });
  });

class Live {
  state = $state<State>("connecting");
  lost = $state(0); // since when, by the browser's clock
  #position = "";
  #listeners = new Set<(one: Arrived) => void>();
  #others: BroadcastChannel | undefined;
  #stop: AbortController | undefined;
  #reads = false;

  /** Calls LISTENER with all that comes, until what it returns is called. */
  listen(listener: (one: Arrived) => void): () => void {
    this.#listeners.add(listener);
    if (!this.#stop) this.#start();
    return () => {
      this.#listeners.delete(listener);
      if (!this.#listeners.size) this.#end();
    };
  }

  #start(): void {
    const stop = (this.#stop = new AbortController());
    const name = `postern-stream-${session.user?.id}`;
    const read = () => this.#read(stop.signal);
    if (!navigator.locks) return void read();
    this.#others = new BroadcastChannel(name);
    this.#others.onmessage = ({ data }: MessageEvent<Said>) => this.#hear(data);
    this.#others.postMessage({ is: "who reads?" } satisfies Said);
    // It is refused when it is aborted while it waits.
    navigator.locks.request(name, { signal: stop.signal }, read).catch(() => {});
  }

  #end(): void {
    this.#stop?.abort();
    this.#stop = undefined;
    this.#others?.close();
    this.#others = undefined;
    this.#position = "";
    this.state = "connecting";
  }

  #hear(said: Said): void {
    if (said.is === "who reads?") {
      if (this.#reads) this.#say({ is: "state", state: this.state, position: this.#position });
    } else this.#take(said);
  }

  #say(said: Said): void {
    this.#others?.postMessage(said);
  }

  #take({ line, position, state }: Said): void {
    if (position) this.#position = position;
    if (state && state !== this.state) {
      this.state = state;
      if (state === "lost") this.lost = Date.now();
    }
    if (line) for (const listener of this.#listeners) listener(line);
  }

  #tell(said: Said): void {
    this.#say(said);
    this.#take(said);
  }

  async #read(signal: AbortSignal): Promise<void> {
    this.#reads = true;
    for (let wait = FIRST_MS; !signal.aborted; wait = Math.min(wait * 2, MOST_MS)) {
      try {
        await this.#stream(signal, () => (wait = FIRST_MS));
      } catch {
        // A cut, a refusal: it is tried again, and what else is asked for says why.
      }
      if (signal.aborted) break;
      this.#tell({ is: "state", state: "lost" });
      await pause(wait * (0.75 + Math.random() / 2), signal);
    }
    this.#reads = false;
  }

  async #stream(signal: AbortSignal, opened: () => void): Promise<void> {
    const silence = new AbortController();
    const request = new Request("api/v2/streams?format=json", {
      headers: this.#position ? { "Last-Event-ID": this.#position } : {},
      signal: AbortSignal.any([signal, silence.signal]),
    });
    const answer = await send(request);
    if (!answer.ok || !answer.body) throw new Error(String(answer.status));
    opened();
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let timer = setTimeout(() => silence.abort(), SILENT_MS);
    try {
      for (let rest = ""; ;) {
        const { value, done } = await reader.read();
        if (done) return;
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENT_MS);
        const lines = (rest + value).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) if (line) this.#line(JSON.parse(line));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #line({ event, id, data }: { event: string; id?: string; data?: Arrived["data"] }): void {
    if (event === "open") this.#tell({ is: "state", state: "live", position: id });
    else if (event === "heartbeat" || !data) this.#tell({ is: "event", position: id });
    else this.#tell({ is: "event", position: id, line: { event: event as Arrived["event"], data } });
  }
}

export const live = new Live();
