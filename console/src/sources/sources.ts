// What the page of sources asks for.
import { api, bodyOf } from "../api/client";
import type { components } from "../api/schema";
import type { Environment, Spot } from "../places/places";

type Schemas = components["schemas"];
export type Source = Schemas["Source"];
export type Activity = Schemas["SourceActivity"];
export type Heard = Activity["sources"][number];

export interface Owner {
  kind: Spot["kind"];
  id: string;
  environment?: Environment;
}
const KIND = { channels: "channel", bots: "bot", extensions: "extension" } as const;

/** Those of the channel, the bot or the extension of this NAME. */
export async function listSources(kind: Spot["kind"], name: string): Promise<Source[]> {
  const all: Source[] = [];
  let after: string | null = null;
  do {
    const query: { limit: number; after?: string } = { limit: 1000, ...(after && { after }) };
    const page: { sources: Source[]; next: string | null } = await bodyOf(
      api.GET("/sources", { params: { query } }),
    );
    all.push(...page.sources);
    after = page.next;
  } while (after);
  return all.filter((one) => one.kind === KIND[kind] && one.to === name);
}

export function activityOf({ kind, id, environment }: Owner): Promise<Activity> {
  const path = { target: id };
  if (kind === "channels") return bodyOf(api.GET("/channels/{target}/sources", { params: { path } }));
  if (kind === "bots") return bodyOf(api.GET("/bots/{target}/sources", { params: { path } }));
  const query = { environment: environment ?? ("sandbox" as const) };
  return bodyOf(api.GET("/extensions/{target}/sources", { params: { path, query } }));
}

export interface Wanted {
  name: string;
  scheme: string;
  secret: string;
  required: boolean;
}

export function createSource({ kind, id, environment }: Owner, of: Wanted, key: string): Promise<Source> {
  const body = {
    kind: KIND[kind],
    to: id,
    required: of.required,
    ...(environment && { environment }),
    ...(of.name && { name: of.name }),
    ...(of.scheme && { scheme: of.scheme }),
    ...(of.secret && { secret: of.secret }),
  };
  return bodyOf(api.POST("/sources", { params: { header: { "Idempotency-Key": key } }, body }));
}

export function rotateSource(id: string, secret: string, overlap: number, key: string): Promise<Source> {
  const params = { path: { target: id }, header: { "Idempotency-Key": key } };
  const body = { overlap, ...(secret && { secret }) };
  return bodyOf(api.POST("/sources/{target}/secrets", { params, body }));
}

export async function deleteSource(id: string): Promise<void> {
  await bodyOf(api.DELETE("/sources/{target}", { params: { path: { target: id } } }));
}
