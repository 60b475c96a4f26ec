// What the page of management tokens asks for, and that of the people whose they are.
import { api, bodyOf } from "../api/client";
import type { components } from "../api/schema";

type Schemas = components["schemas"];
export type ManagementToken = Schemas["ManagementToken"];

export const managementKey = (of: string): string[] => ["management-tokens", of];

/** OF: an id, or me. */
export async function listManagement(of: string): Promise<ManagementToken[]> {
  const params = { path: { target: of }, query: { limit: 100 } };
  const { tokens } = await bodyOf(api.GET("/users/{target}/management-tokens", { params }));
  return tokens.sort((a, b) => b.created.localeCompare(a.created));
}

export function createManagement(
  body: { name?: string; expires_in: number },
  key: string,
): Promise<Schemas["ManagementTokenNew"]> {
  const params = { path: { target: "me" }, header: { "Idempotency-Key": key } };
  return bodyOf(api.POST("/users/{target}/management-tokens", { params, body }));
}

export async function deleteManagement(target: string): Promise<void> {
  await bodyOf(api.DELETE("/management-tokens/{target}", { params: { path: { target } } }));
}
