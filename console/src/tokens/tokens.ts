// What the pages of webhook tokens ask for.
import { api, bodyOf, type Token } from "../api/client";
import { session } from "../session/session.svelte";
import { now } from "../api/clock";
import { connectorsOf, type Connector } from "../places/connectors";

export type { Token };

const me = (): string => session.user?.id ?? "";

export const tokensKey = (): string[] => ["tokens", me()];
export const placesKey = (): string[] => ["places", me()];

export async function listTokens(): Promise<Token[]> {
  const path = { target: me() };
  const { tokens } = await bodyOf(
    api.GET("/users/{target}/tokens", { params: { path, query: { limit: 100 } } }),
  );
  return tokens.sort((a, b) => b.created.localeCompare(a.created));
}

/** How many active tokens the person may have. */
export async function tokenLimit(): Promise<number> {
  return (await bodyOf(api.GET("/me"))).limits.tokens;
}

export type Kind = "channels" | "bots" | "extensions";
export const KINDS: Kind[] = ["channels", "bots", "extensions"];

export interface Place {
  kind: Kind;
  id: string;
  name: string;
  endpoints: { message: string; incoming: string } | null;
}

/** All pages of a list: one ends before a thousand rows where they are long. */
async function all<T>(ask: (after?: string) => Promise<{ rows: T[]; next: string | null }>): Promise<T[]> {
  const rows: T[] = [];
  for (let after: string | undefined, ends = false; !ends;) {
    const page = await ask(after);
    rows.push(...page.rows);
    after = page.next ?? undefined;
    ends = after === undefined;
  }
  return rows;
}

/** A page of the channels, bots or extensions that the person is among. */
export async function listKind(
  kind: Kind,
  query: { limit: number; q?: string; archived?: "true"; after?: string },
) {
  const params = { query };
  if (kind === "channels") {
    const { channels, next } = await bodyOf(api.GET("/channels", { params }));
    return { rows: channels, next };
  }
  if (kind === "bots") {
    const { bots, next } = await bodyOf(api.GET("/bots", { params }));
    return { rows: bots, next };
  }
  const { extensions, next } = await bodyOf(api.GET("/extensions", { params }));
  return { rows: extensions, next };
}

type Listed = Pick<Place, "id" | "name"> & { endpoints?: Place["endpoints"] };

const listOf = (kind: Kind): Promise<Listed[]> =>
  all<Listed>((after) => listKind(kind, { limit: 1000, ...(after && { after }) }));

/** The channels, bots and extensions that the person is among. */
export async function listPlaces(): Promise<Place[]> {
  const lists = await Promise.all(
    KINDS.map(async (kind) =>
      (await listOf(kind)).map(({ id, name, endpoints = null }) => ({
        kind,
        id,
        name,
        endpoints,
      })),
    ),
  );
  return lists.flat();
}

/** The places that a token may be used for; all of them where it has no scope. */
export function inScope(places: Place[], scope: Token["scope_ids"]): Place[] {
  return scope ? places.filter((place) => scope[place.kind].includes(place.id)) : places;
}

/** Where a place is sent to; an extension's URLs are asked for when somebody wants to see them. */
async function connectorsFor(place: Place): Promise<Connector[]> {
  if (place.endpoints) return connectorsOf({ endpoints: place.endpoints });
  const path = { target: place.id };
  return connectorsOf(await bodyOf(api.GET("/extensions/{target}", { params: { path } })));
}

/** Where the lines of an example post: a bot's handler gets an event. */
export async function endpointOf(place: Place): Promise<string | null> {
  const all = await connectorsFor(place);
  const wanted = place.kind === "bots" ? "incoming" : all[0]?.name;
  return all.find(({ name }) => name === wanted)?.url ?? null;
}

export const useKey = (token: string): string[] => ["use", token];

/** How often a token was used, by hours and days, and for what. */
export async function useOf(target: string) {
  return bodyOf(api.GET("/tokens/{target}/use", { params: { path: { target } } }));
}

/** Whether the token still works. */
export const lives = (token: Token): boolean =>
  token.state === "active" ||
  (token.state === "replaced" && (!token.expires || Date.parse(token.expires) > now()));

export const wasUsedSince = (token: Token, time: string | null): boolean =>
  token.last_used !== null && time !== null && Date.parse(token.last_used) > Date.parse(time);
