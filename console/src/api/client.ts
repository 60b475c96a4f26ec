// The admin API, typed by docs/openapi.yaml.
import createClient from "openapi-fetch";
import { learnTime } from "./clock";
import { reach } from "./reach.svelte";
import type { components, paths } from "./schema";

type Schemas = components["schemas"];
export type User = Schemas["UserPlain"];
export type Token = Schemas["Token"];
export type TokenNew = Schemas["TokenNew"];
export type Details = Schemas["Details"];
export type Code = Schemas["Error"]["code"];

/** A refusal, or no answer at all: then code is "no_answer". */
export class Refusal extends Error {
  constructor(
    readonly code: Code | "no_answer" | "no_postern",
    message: string,
    readonly details: Details = {},
    readonly request = "",
  ) {
    super(message);
  }
}

/** What the client needs to know of who is signed in. */
export interface Credentials {
  csrf: string;
  /** Whether the same person has signed in again, and the request is to be repeated. */
  again(): Promise<boolean>;
}

let credentials: Credentials = { csrf: "", again: async () => false };

export function useCredentials(of: Credentials): void {
  credentials = of;
}

async function once(request: Request): Promise<Response> {
  if (request.method !== "GET") request.headers.set("X-CSRF-Token", credentials.csrf);
  try {
    const answer = await fetch(request);
    learnTime(answer);
    if ([502, 503, 504].includes(answer.status)) reach.lost();
    return answer;
  } catch (error) {
    if (request.signal.aborted) throw error; // nobody waits for it
    reach.lost();
    throw new Refusal("no_answer", "");
  }
}

const OPEN = /\/(login|session|invitations\/(check|accept))$/;

/** Whether the answer says that nobody, or another one, is signed in. */
async function isOver(answer: Response): Promise<boolean> {
  if (answer.status !== 401 && answer.status !== 403) return false;
  const said = (await answer
    .clone()
    .json()
    .catch(() => ({}))) as Partial<Schemas["Error"]>;
  return said.code === "invalid_session" || said.details?.reason === "other_session";
}

/** Sends it; where the session has ended under the page, who is at it may sign in, and it is sent again. */
export async function send(request: Request): Promise<Response> {
  const answer = await once(request.clone());
  if (OPEN.test(new URL(request.url).pathname) || !(await isOver(answer)) || !(await credentials.again()))
    return answer;
  return once(request.clone());
}

export const api = createClient<paths>({ baseUrl: "api/v2", credentials: "same-origin", fetch: send });

/** The body of an answer; a refusal is thrown. */
export async function bodyOf<T>(
  sent: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  const { data, error, response } = await sent;
  if (response.ok) return data as T;
  const said = (typeof error === "object" ? error : {}) as Partial<Schemas["Error"]>;
  if (!said?.code) throw new Refusal("no_postern", `HTTP ${response.status}`);
  throw new Refusal(said.code, said.message ?? "", said.details, said.request_id);
}

/** A change is made once, however often it is sent under one key: a new one belongs to other arguments. */
export const newKey = (): string =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
