// The messages of one target in their order, as far as they were asked for: it grows at both ends, and by what comes.
import { Refusal } from "../api/client";
import type { Arrived } from "./live.svelte";
import { listMessages, type Message, type Target } from "./messages";

const PAGE = 100;
const FIND = 50;
const OVERLAP = 1000; // so many of the newest may be told twice

export class Timeline {
  messages = $state.raw<Message[]>([]);
  /** Whether there may be more before the first one, and behind the last one. */
  older = $state(false);
  newer = $state(false);
  loaded = $state(false);
  /** What has come in front of the first one, and not behind the last one, when messages changed. */
  prepended = $state(false);
  paused = $state(false);
  waiting = $state(0); // of what came while paused
  #held: Arrived[] = [];
  #before: number | null = null;
  #loads = false;

  constructor(readonly target: Target) {}

  /** Begins with the newest ones, or around the sequence AT. */
  async open(at?: number): Promise<void> {
    const before = at === undefined ? {} : { before: at + 1 };
    const page = await listMessages(this.target, { order: "desc", limit: PAGE, ...before });
    this.#before = page.next;
    this.older = page.next !== null;
    this.newer = at !== undefined;
    this.#set(page.messages.reverse());
    this.loaded = true;
    if (at !== undefined) await this.further();
  }

  async earlier(): Promise<boolean> {
    if (this.#loads || this.#before === null) return false;
    const page = await this.#alone(() =>
      listMessages(this.target, { order: "desc", limit: PAGE, before: this.#before ?? 1 }),
    );
    this.#before = page.next;
    this.older = page.next !== null;
    this.#set([...page.messages.reverse(), ...this.messages], true);
    return page.messages.length > 0;
  }

  /** The next ones behind the last, up to the newest. */
  async further(): Promise<number> {
    if (this.#loads) return 0;
    const from = (this.messages.at(-1)?.sequence ?? 0) + 1;
    const page = await this.#alone(() => listMessages(this.target, { from, limit: PAGE }));
    this.newer = page.next !== null;
    return this.#append(page.messages);
  }

  /** What was stored while nobody was listening. How many there were. */
  async catchUp(): Promise<number> {
    if (!this.loaded || this.newer) return 0;
    let count = 0;
    try {
      do count += await this.further();
      while (this.newer);
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== "cursor_expired") throw error;
      await this.open();
    }
    return count;
  }

  /** Takes what the stream has brought; how many messages are new to the list. */
  take(one: Arrived): number {
    if (!this.loaded || this.newer) return 0;
    if (this.paused) {
      this.#held.push(one);
      if (one.event === "message") this.waiting++;
      return 0;
    }
    if (one.event === "message") return this.#append([one.data]);
    if (one.event === "delete") this.#set(this.messages.filter(({ id }) => id !== one.data.id));
    else
      this.#set(
        this.messages.map((was) =>
          was.id === one.data.id ? { ...one.data, sequence: was.sequence, time: was.time } : was,
        ),
      );
    return 0;
  }

  resume(): number {
    this.paused = false;
    this.waiting = 0;
    return this.#held.splice(0).reduce((count, one) => count + this.take(one), 0);
  }

  /** Messages in which Q stands, before the sequence BEFORE. */
  find(q: string, before?: number) {
    return listMessages(this.target, { q, limit: FIND, ...(before && { before }) });
  }

  #append(some: Message[]): number {
    const known = new Set(this.messages.slice(-OVERLAP).map(({ id }) => id));
    const fresh = some.filter(({ id }) => !known.has(id));
    // The stream and a page may bring them one past the other.
    if (fresh.length) this.#set([...this.messages, ...fresh].sort((a, b) => a.sequence - b.sequence));
    return fresh.length;
  }

  #set(messages: Message[], prepended = false): void {
    this.prepended = prepended;
    this.messages = messages;
  }

  async #alone<T>(load: () => Promise<T>): Promise<T> {
    this.#loads = true;
    try {
      return await load();
    } finally {
      this.#loads = false;
    }
  }
}
