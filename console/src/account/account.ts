// What the page of one's own account asks for.
import { api, bodyOf } from "../api/client";
import type { components } from "../api/schema";

type Schemas = components["schemas"];
export type Factor = Schemas["SecondFactor"];
export type Begun = Schemas["SecondFactorBegun"];

const path = { target: "me" };
export const factorKey = (): string[] => ["factor"];

export const showFactor = (): Promise<Factor> =>
  bodyOf(api.GET("/users/{target}/totp", { params: { path } }));

export const beginFactor = (password: string): Promise<Begun> =>
  bodyOf(api.POST("/users/{target}/totp", { params: { path }, body: { ...(password && { password }) } }));

export async function confirmFactor(code: string): Promise<string[]> {
  return (await bodyOf(api.POST("/users/{target}/totp/confirm", { params: { path }, body: { code } }))).codes;
}

export async function removeFactor(password: string): Promise<void> {
  const body = { ...(password && { password }) };
  await bodyOf(api.POST("/users/{target}/totp/remove", { params: { path }, body }));
}

export async function renewCodes(password: string, code: string): Promise<string[]> {
  const body = { ...(password && { password }), code };
  return (await bodyOf(api.POST("/users/{target}/totp/codes", { params: { path }, body }))).codes;
}

export async function setPassword(password: string, old: string): Promise<void> {
  const body = { password, ...(old && { old_password: old }) };
  await bodyOf(api.POST("/users/{target}/password", { params: { path }, body }));
}

export async function setName(name: string, etag: string): Promise<void> {
  const params = { path, header: { "If-Match": `"${etag}"` } };
  await bodyOf(api.PUT("/users/{target}", { params, body: { name } }));
}
