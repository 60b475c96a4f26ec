// What the pages of a channel's outlets ask for.
import { api, bodyOf } from "../api/client";
import type { components } from "../api/schema";
import { listDeliveries, outcomeOf, type Delivery, type Head } from "../deliveries/deliveries";
import { own } from "../text/outlets";
import made from "./kinds.json";

export type Outlet = components["schemas"]["Outlet"];
export type Setting = "url" | "to" | "token";

export interface Field {
  what: string;
  needed?: boolean;
  /** It is never shown again. */
  secret?: boolean;
  /** What it is where it is left out. */
  usually?: string;
}
export interface Kind {
  kind: string;
  title: string;
  text: string;
  settings: Partial<Record<Setting, Field>>;
}
export const KINDS: Kind[] = made;
export const SETTINGS: Setting[] = ["url", "to", "token"];

/** KIND; one of a later Postern is given whatever there is. */
export const kindOf = (kind: string): Kind =>
  KINDS.find((one) => one.kind === kind) ?? {
    kind,
    title: kind,
    text: "",
    settings: { url: { what: "" }, to: { what: "" }, token: { what: "" } },
  };

export const titleOf = ({ name, kind }: Pick<Outlet, "name" | "kind">): string => name || kindOf(kind).title;

export const outletsKey = (channel: string): string[] => ["outlets", channel];
export const outletKey = (id: string): string[] => ["outlet", id];

export async function listOutlets(target: string): Promise<Outlet[]> {
  const params = { path: { target }, query: { limit: 100 } };
  return (await bodyOf(api.GET("/channels/{target}/outlets", { params }))).outlets;
}

export const showOutlet = (target: string): Promise<Outlet> =>
  bodyOf(api.GET("/outlets/{target}", { params: { path: { target } } }));

export interface Typed {
  name: string;
  url: string;
  to: string;
  token: string;
  bound_s: number;
}

/** What is typed of KIND, as the API takes it. Of one that there is, a secret that is not typed stays. */
export function bodyOfOutlet(kind: Kind, of: Typed, is?: Outlet) {
  const given = SETTINGS.filter((name) => kind.settings[name])
    .map((name) => [name, of[name].trim()] as const)
    .filter(([name, value]) => value || (is && name !== "token" && !kind.settings[name]?.secret));
  return { name: of.name.trim(), bound_s: of.bound_s, ...(Object.fromEntries(given) as Partial<Typed>) };
}

export function createOutlet(
  target: string,
  kind: string,
  of: ReturnType<typeof bodyOfOutlet>,
  key: string,
): Promise<Outlet> {
  const params = { path: { target }, header: { "Idempotency-Key": key } };
  return bodyOf(api.POST("/channels/{target}/outlets", { params, body: { kind, ...of } }));
}

export function editOutlet(
  { id, etag }: Outlet,
  body: Partial<ReturnType<typeof bodyOfOutlet>> & { paused?: boolean },
  key: string,
): Promise<Outlet> {
  const header = { "Idempotency-Key": key, ...(etag && { "If-Match": `"${etag}"` }) };
  return bodyOf(api.PUT("/outlets/{target}", { params: { path: { target: id }, header }, body }));
}

export function rotateOutlet(target: string, overlap: number, key: string): Promise<Outlet> {
  const params = { path: { target }, header: { "Idempotency-Key": key } };
  return bodyOf(api.POST("/outlets/{target}/secrets", { params, body: { overlap } }));
}

export async function deleteOutlet(target: string): Promise<void> {
  await bodyOf(api.DELETE("/outlets/{target}", { params: { path: { target } } }));
}

/** Pushes a message that says that it is a test; what comes of it is a delivery. */
export async function testOutlet(target: string): Promise<void> {
  await bodyOf(api.POST("/outlets/{target}/test", { params: { path: { target } } }));
}

export interface State {
  head: Head;
  last: Delivery | undefined;
}

export async function stateOf(id: string): Promise<State> {
  let head: Head = { disabled: null, waits: null, turn: null, scanned: 0 };
  const { rows } = await listDeliveries({ kind: "outlets", id }, {}, undefined, (said) => (head = said));
  return { head, last: rows[0] };
}

/** How it stands, in a sentence. */
export function sentenceOf({ paused }: Outlet, state: State | undefined): string {
  if (paused) return own.state.paused;
  if (!state) return "";
  const { head, last } = state;
  if (head.disabled) return own.state.disabled(head.disabled);
  const how = outcomeOf(last?.attempts.at(-1));
  if (!last) return own.state.nothing;
  if (last.state === "delivered") return own.state.delivered;
  if (last.state === "dead") return own.state.dead(how);
  return how ? own.state.again(how) : own.state.waits;
}
