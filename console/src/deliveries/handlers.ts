// What the page of a handler asks for.
import { api, bodyOf } from "../api/client";
import type { components } from "../api/schema";
import type { Where } from "./deliveries";

type Schemas = components["schemas"];
export type Handler = Schemas["Handler"];
export type Tested = Schemas["HandlerTested"];

export interface Settings {
  url: string;
  concurrency: number;
  ordered: boolean;
  bound_s: number;
  wait_s: number;
  /** A private key; left out it stays, empty there is none any more. */
  rsa_key?: string;
}

export const handlerKey = (where: Where): unknown[] => ["handler", where];

/** null: there is none. */
export async function showHandler({ id, environment }: Where): Promise<Handler | null> {
  const path = { target: id };
  const got = environment
    ? await bodyOf(api.GET("/extensions/{target}/handler", { params: { path, query: { environment } } }))
    : await bodyOf(api.GET("/bots/{target}/handler", { params: { path } }));
  return got.url ? got : null;
}

export function setHandler({ id, environment }: Where, settings: Settings, key: string): Promise<Handler> {
  const params = { path: { target: id }, header: { "Idempotency-Key": key } };
  return environment
    ? bodyOf(api.PUT("/extensions/{target}/handler", { params, body: { ...settings, environment } }))
    : bodyOf(api.PUT("/bots/{target}/handler", { params, body: settings }));
}

export async function clearHandler({ id, environment }: Where): Promise<void> {
  const path = { target: id };
  if (environment)
    await bodyOf(api.DELETE("/extensions/{target}/handler", { params: { path, query: { environment } } }));
  else await bodyOf(api.DELETE("/bots/{target}/handler", { params: { path } }));
}

export function rotateHandler({ id, environment }: Where, overlap: number, key: string): Promise<Handler> {
  const params = { path: { target: id }, header: { "Idempotency-Key": key } };
  return environment
    ? bodyOf(api.POST("/extensions/{target}/handler/secrets", { params, body: { overlap, environment } }))
    : bodyOf(api.POST("/bots/{target}/handler/secrets", { params, body: { overlap } }));
}

export function testHandler(
  { id, environment }: Where,
  body: { url?: string; sample?: string },
): Promise<Tested> {
  const path = { target: id };
  return environment
    ? bodyOf(
        api.POST("/extensions/{target}/handler/test", { params: { path, query: { environment } }, body }),
      )
    : bodyOf(api.POST("/bots/{target}/handler/test", { params: { path }, body }));
}
