// Who is signed in. The credential is a cookie that no script sees; csrf is what a change needs beside it.
import { api, bodyOf, type Credentials, Refusal, type User, useCredentials } from "../api/client";

class Session implements Credentials {
  user = $state<User | null>(null);
  id = $state("");
  known = $state(false);
  /** Where a session has ended under an open page: the sign-in stands above it until this is settled. */
  ended = $state(false);
  csrf = "";
  #settle: ((again: boolean) => void) | undefined;
  #asked: Promise<boolean> | undefined;

  /** Asks who is signed in. */
  async ask(): Promise<void> {
    const { session } = await bodyOf(api.GET("/session"));
    this.#take(session?.user ?? null, session?.id ?? "", session?.csrf ?? "");
  }

  async signIn(email: string, password: string, code?: string): Promise<number | null> {
    const body = { email, password, cookie: true, ...(code && { code }) };
    const made = await bodyOf(api.POST("/login", { body }));
    const { session } = await bodyOf(api.GET("/session"));
    if (!session) throw new Refusal("invalid_session", "cookie");
    this.arrived(made.user, made.id, made.csrf);
    return made.codes_left;
  }

  /** Somebody has signed in; another than before may see nothing of the page. */
  arrived(user: User, id: string, csrf: string): void {
    const another = this.user !== null && this.user.id !== user.id;
    this.#take(user, id, csrf);
    if (another) this.#forget();
    this.#answer(!another);
  }

  /** The session has ended, by another tab or by time: who is at the page may sign in and go on. */
  again(): Promise<boolean> {
    this.#asked ??= this.#askAgain().finally(() => (this.#asked = undefined));
    return this.#asked;
  }

  leave(): void {
    this.#answer(false);
    this.#take(null, "", "");
  }

  async signOut(): Promise<void> {
    await bodyOf(api.POST("/logout"));
    this.#forget();
  }

  async #askAgain(): Promise<boolean> {
    const before = this.user?.id;
    const { session } = await bodyOf(api.GET("/session"));
    if (session && session.user.id === before) {
      this.#take(session.user, session.id, session.csrf);
      return true;
    }
    if (session) {
      this.#forget();
      return false;
    }
    this.ended = true;
    return new Promise((settle) => (this.#settle = settle));
  }

  #answer(again: boolean): void {
    this.ended = false;
    this.#settle?.(again);
    this.#settle = undefined;
  }

  /** Nothing of who was signed in stays, in memory and among the drafts. */
  #forget(): void {
    sessionStorage.clear();
    location.reload();
  }

  #take(user: User | null, id: string, csrf: string): void {
    this.user = user;
    this.id = id;
    this.csrf = csrf;
    this.known = true;
  }
}

export const session = new Session();
useCredentials(session);
