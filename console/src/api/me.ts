// Who is signed in, and what that role may do.
import { session } from "../session/session.svelte";
import { api, bodyOf } from "./client";
import type { components } from "./schema";

export type Me = components["schemas"]["Me"];

export const meKey = (): string[] => ["me", session.user?.id ?? ""];

export const showMe = (): Promise<Me> => bodyOf(api.GET("/me"));

/** Whether the role may do OPERATION with what OWNER owns, or with nothing in particular. */
export function may(me: Me | undefined, operation: string, owner?: string): boolean {
  const reach = me?.rights[operation];
  return reach === "any" || (reach !== undefined && (owner === undefined || owner === me?.id));
}
