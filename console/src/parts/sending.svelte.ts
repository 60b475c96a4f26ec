// What a form or a button sends: one at a time, and each change once.
import { newKey, type Refusal } from "../api/client";
import { asRefusal } from "./problem";

export class Sending {
  busy = $state(false);
  refusal = $state.raw<Refusal | null>(null);
  #sent = { text: "", key: "" };

  /**
   * Sends CONTENT by SEND, unless something is on its way; whether it was done. What is sent again as it was has the
   * key that it had, so that it is done once; other content is another change, and so is all after it was done.
   */
  async send<T>(content: T, send: (content: T, key: string) => Promise<unknown>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.refusal = null;
    try {
      await send(content, this.#keyOf(JSON.stringify(content)));
      this.#sent = { text: "", key: "" };
      return true;
    } catch (error) {
      this.refusal = asRefusal(error);
      return false;
    } finally {
      this.busy = false;
    }
  }

  #keyOf(text: string): string {
    if (this.#sent.text !== text) this.#sent = { text, key: newKey() };
    return this.#sent.key;
  }
}
