// What the pages of channels, bots and extensions ask for.
import { api, bodyOf } from "../api/client";
import type { components } from "../api/schema";
import type { Page } from "../parts/paged.svelte";
import { router } from "../router.svelte";
import { session } from "../session/session.svelte";
import { KINDS, listKind, type Kind } from "../tokens/tokens";

type Schemas = components["schemas"];
export type { Kind };
export type Person = Schemas["Person"];
export type Environment = "sandbox" | "marketplace";
export const ENVIRONMENTS: Environment[] = ["sandbox", "marketplace"];

/** What there is of a channel, a bot or an extension; an extension has URLs with keys in place of endpoints. */
export type Place = Pick<
  Schemas["PlaceFields"],
  | "id"
  | "name"
  | "owner"
  | "owner_name"
  | "display_name"
  | "description"
  | "picture"
  | "archived"
  | "reason"
  | "retention"
  | "etag"
> & { endpoints?: Schemas["PlaceFields"]["endpoints"]; urls?: unknown };

export interface Spot {
  kind: Kind;
  id: string;
  view: string;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // it was typed, and is none of ours
  }
}

let last: Spot = { kind: "channels", id: "", view: "" };

/** The channel, bot or extension that the address names, and what of it; for a page that is being left, what it was of. */
export function here(): Spot {
  const [, kind = "", id = "", view = ""] = router.path.split("/");
  if (KINDS.includes(kind as Kind)) last = { kind: kind as Kind, id: decoded(id), view };
  return last;
}

export const placeKey = ({ kind, id }: Omit<Spot, "view">): string[] => ["place", kind, id];

export const titleOf = ({ display_name, name }: Pick<Place, "display_name" | "name">): string =>
  display_name?.trim() || name;

export function showPlace({ kind, id }: Omit<Spot, "view">): Promise<Place> {
  const params = { path: { target: id } };
  if (kind === "channels") return bodyOf(api.GET("/channels/{target}", { params }));
  if (kind === "bots") return bodyOf(api.GET("/bots/{target}", { params }));
  return bodyOf(api.GET("/extensions/{target}", { params }));
}

const PAGE = 100;

export async function listPlaces(
  kind: Kind,
  find: { q: string; archived: boolean },
  after?: string,
): Promise<Page<Place>> {
  const query = {
    limit: PAGE,
    ...(find.q && { q: find.q }),
    ...(find.archived && { archived: "true" as const }),
    ...(after && { after }),
  };
  return listKind(kind, query);
}

/** Makes one that who is signed in owns. */
export async function createPlace(kind: Kind, name: string, key: string): Promise<Place> {
  const body = { name, owner: session.user?.id ?? "" };
  const params = { header: { "Idempotency-Key": key } };
  if (kind === "channels") return bodyOf(api.POST("/channels", { params, body }));
  if (kind === "bots") return bodyOf(api.POST("/bots", { params, body }));
  return bodyOf(api.POST("/extensions", { params, body }));
}

export interface Change {
  display_name?: string;
  description?: string;
  picture?: string;
  archived?: boolean;
  reason?: string;
  name?: string;
  /** An id or an address. */
  owner?: string;
  retention?: Schemas["Retention"];
}

/** Changes what is as ETAG says; else it is refused, as precondition_failed. */
export async function editPlace(
  { kind, id }: Omit<Spot, "view">,
  body: Change,
  etag: string,
  key: string,
): Promise<Place> {
  const params = { path: { target: id }, header: { "If-Match": `"${etag}"`, "Idempotency-Key": key } };
  if (kind === "channels") return bodyOf(api.PUT("/channels/{target}", { params, body }));
  if (kind === "bots") return bodyOf(api.PUT("/bots/{target}", { params, body }));
  return bodyOf(api.PUT("/extensions/{target}", { params, body }));
}

/** A new key of an app; the former one is good as well for OVERLAP seconds. */
export function rotateAppkey(
  target: string,
  body: { environment: Environment; overlap: number },
  key: string,
): Promise<Place> {
  const params = { path: { target }, header: { "Idempotency-Key": key } };
  return bodyOf(api.POST("/extensions/{target}/appkey", { params, body }));
}

/** The members of a channel, the subscribers of a bot. */
export async function listPeople(
  { kind, id }: Omit<Spot, "view">,
  q: string,
  after?: string,
): Promise<Page<Person>> {
  const path = { target: id };
  const query = { limit: PAGE, ...(q && { q }), ...(after && { after }) };
  const params = { path, query };
  if (kind === "bots") {
    const { subscribers, next } = await bodyOf(api.GET("/bots/{target}/subscribers", { params }));
    return { rows: subscribers, next };
  }
  const { members, next } = await bodyOf(api.GET("/channels/{target}/members", { params }));
  return { rows: members, next };
}

/** USER: an id or an address. */
export async function addPerson({ kind, id }: Spot, user: string, key: string): Promise<Person> {
  const params = { path: { target: id }, header: { "Idempotency-Key": key } };
  const body = { user };
  const added =
    kind === "bots"
      ? await bodyOf(api.POST("/bots/{target}/subscribers", { params, body }))
      : await bodyOf(api.POST("/channels/{target}/members", { params, body }));
  return added.person;
}

export async function removePerson({ kind, id }: Spot, user: string): Promise<void> {
  const params = { path: { target: id }, query: { user } };
  if (kind === "bots") await bodyOf(api.DELETE("/bots/{target}/subscribers", { params }));
  else await bodyOf(api.DELETE("/channels/{target}/members", { params }));
}

export async function findPeople(q: string): Promise<Person[]> {
  return (await bodyOf(api.GET("/people", { params: { query: { q, limit: 8 } } }))).people;
}
