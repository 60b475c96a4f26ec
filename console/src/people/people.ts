// What the pages of people ask for.
import { api, bodyOf } from "../api/client";
import type { components } from "../api/schema";
import type { Page } from "../parts/paged.svelte";

type Schemas = components["schemas"];
export type User = Schemas["UserListed"];
export type Role = User["role"];
export type Invitation = Schemas["Invitation"];
export type Owned = Schemas["TokenOwned"];
export type AuditRow = Schemas["AuditRow"];
export type State = "active" | "deactivated" | "all";
export const ROLES: Role[] = ["member", "admin", "owner"];
const PAGE = 50;

export async function listUsers(
  services: boolean,
  find: { q: string; state: State },
  after?: string,
): Promise<Page<User>> {
  const query = { limit: PAGE, state: find.state, ...(find.q && { q: find.q }), ...(after && { after }) };
  if (services) {
    const { accounts, next } = await bodyOf(api.GET("/service-accounts", { params: { query } }));
    return { rows: accounts, next };
  }
  const { users, next } = await bodyOf(api.GET("/users", { params: { query } }));
  return { rows: users, next };
}

export async function setRole(user: User, role: Role): Promise<void> {
  const params = { path: { target: user.id }, header: { "If-Match": `"${user.etag}"` } };
  await bodyOf(api.PUT("/users/{target}", { params, body: { role } }));
}

/** MOVE_TO: a service account whose tokens its tokens become; empty: they stop working. */
export async function deactivate(id: string, move_to: string): Promise<void> {
  const query = { confirm: true, ...(move_to && { move_to }) };
  await bodyOf(api.DELETE("/users/{target}", { params: { path: { target: id }, query } }));
}

export async function createService(account: string, name: string, key: string): Promise<void> {
  const params = { header: { "Idempotency-Key": key } };
  await bodyOf(api.POST("/service-accounts", { params, body: { account, ...(name && { name }) } }));
}

export function invite(
  body: { email: string; name?: string; role?: Role; expires_in: number },
  key: string,
): Promise<Schemas["InvitationNew"]> {
  return bodyOf(api.POST("/invitations", { params: { header: { "Idempotency-Key": key } }, body }));
}

export async function listInvitations(after?: string): Promise<Page<Invitation>> {
  const query = { limit: PAGE, ...(after && { after }) };
  const { invitations, next } = await bodyOf(api.GET("/invitations", { params: { query } }));
  return { rows: invitations, next };
}

export async function revoke(id: string): Promise<void> {
  await bodyOf(api.DELETE("/invitations/{target}", { params: { path: { target: id } } }));
}

export async function listTokens(
  find: { state: string; unused_days: number },
  after?: string,
): Promise<Page<Owned>> {
  const query = {
    limit: PAGE,
    ...(find.state && { state: find.state as Owned["state"] }),
    ...(find.unused_days && { unused_days: find.unused_days }),
    ...(after && { after }),
  };
  const { tokens, next } = await bodyOf(api.GET("/tokens", { params: { query } }));
  return { rows: tokens, next };
}

export const AUDITED = ["who", "op", "object", "from", "to"] as const;
export type Audited = Partial<Record<(typeof AUDITED)[number], string>>;

export async function listAudit(find: Audited, after?: string): Promise<Page<AuditRow>> {
  const query = { order: "desc" as const, limit: PAGE, ...find, ...(after && { after }) };
  return bodyOf(api.GET("/audit", { params: { query } }));
}
