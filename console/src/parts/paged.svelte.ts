// A list as far as it was asked for, a page after another.
import type { Refusal } from "../api/client";
import { asRefusal } from "./problem";

export interface Page<T> {
  rows: T[];
  next: string | null;
}

export class Paged<T> {
  rows = $state.raw<T[]>([]);
  next = $state<string | null>(null);
  loaded = $state(false);
  busy = $state(false);
  refusal = $state.raw<Refusal | null>(null);
  #turn = 0; // what was asked for before the last beginning is not shown

  constructor(private readonly load: (after?: string) => Promise<Page<T>>) {}

  begin(): Promise<void> {
    return this.#take(() => []);
  }

  more(): Promise<void> {
    return this.#take(() => this.rows, this.next ?? undefined);
  }

  async #take(before: () => T[], after?: string): Promise<void> {
    const turn = ++this.#turn;
    this.busy = true;
    try {
      const page = await this.load(after);
      if (turn !== this.#turn) return;
      this.rows = [...before(), ...page.rows];
      this.next = page.next;
      this.refusal = null;
      this.loaded = true;
    } catch (error) {
      if (turn === this.#turn) this.refusal = asRefusal(error);
    } finally {
      if (turn === this.#turn) this.busy = false;
    }
  }
}
