// What the page of a channel, a bot or an extension's app asks for.
import { api, bodyOf } from "../api/client";
import type { components } from "../api/schema";
import type { Environment, Kind } from "../places/places";

type Schemas = components["schemas"];
export type Message = Schemas["Message"];
export type MessageObject = Schemas["MessageObject"];
export type Messages = Schemas["Messages"];
export type Slide = Schemas["Slide"];
export type Button = Schemas["Button"];

export interface Target {
  kind: Kind;
  id: string;
  environment?: Environment;
}

export interface Query {
  from?: number;
  before?: number;
  order?: "asc" | "desc";
  limit?: number;
  q?: string;
}

export function listMessages({ kind, id, environment }: Target, query: Query): Promise<Messages> {
  const path = { target: id };
  if (kind === "channels") return bodyOf(api.GET("/channels/{target}/messages", { params: { path, query } }));
  if (kind === "bots") return bodyOf(api.GET("/bots/{target}/messages", { params: { path, query } }));
  const params = { path, query: { ...query, environment } };
  return bodyOf(api.GET("/extensions/{target}/messages", { params }));
}

/** Posts TEXT: to a channel and to a bot's subscribers as a message, to an app as an event. */
export async function post({ kind, id, environment }: Target, text: string, key: string): Promise<void> {
  const path = { target: id };
  const header = { "Idempotency-Key": key };
  const body = { text };
  if (kind === "channels")
    await bodyOf(api.POST("/channels/{target}/messages", { params: { path, header }, body }));
  else if (kind === "bots")
    await bodyOf(api.POST("/bots/{target}/messages", { params: { path, header }, body }));
  else {
    const params = { path, header, query: { environment } };
    await bodyOf(api.POST("/extensions/{target}/events", { params, body }));
  }
}
