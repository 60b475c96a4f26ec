// Whether Postern answers. Once it does not, it is asked again and again until it does.

const FIRST_MS = 1000;
const MOST_MS = 10_000;

class Reach {
  gone = $state(false);
  #waits: ReturnType<typeof setTimeout> | undefined;
  #back: (() => void)[] = [];

  /** Calls then when an answer comes again. */
  whenBack(then: () => void): void {
    this.#back.push(then);
  }

  lost(): void {
    if (this.gone) return;
    this.gone = true;
    this.#askIn(FIRST_MS);
  }

  async askNow(): Promise<void> {
    clearTimeout(this.#waits);
    await this.#ask(FIRST_MS);
  }

  #askIn(ms: number): void {
    this.#waits = setTimeout(() => void this.#ask(ms), ms);
  }

  async #ask(ms: number): Promise<void> {
    try {
      const answer = await fetch("api/v2/session", { credentials: "same-origin" });
      if (answer.status < 500) {
        this.gone = false;
        for (const then of this.#back) then();
        return;
      }
    } catch {
      // still gone
    }
    this.#askIn(Math.min(ms * 2, MOST_MS));
  }
}

export const reach = new Reach();
